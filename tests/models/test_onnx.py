"""The exported network against torch, on both engines; and files that were tampered with."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.imaging.transforms import normalise
from aletheia.models import onnx_export
from aletheia.models.bundle import load_bundle, save_bundle
from aletheia.models.calibration_map import Calibration
from aletheia.models.network import with_attention
from aletheia.models.onnx_export import export_onnx
from aletheia.models.onnx_network import ENGINES, OnnxNetwork
from aletheia.models.registry import create_model
from aletheia.models.spec import ModelSpec, read_spec, write_spec
from aletheia.training.batch_norm import measure_batch_norm

from ..model_factories import SMALLEST

SIZE = 64


def pixels(n: int, seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (n, 8, 8, 3), np.uint8)
    return coarse.repeat(SIZE // 8, axis=1).repeat(SIZE // 8, axis=2)


def make(folder, name, export=True):
    torch.manual_seed(0)
    model = create_model(name)
    measure_batch_norm(model, [normalise(torch.from_numpy(pixels(32, seed)), *STATISTICS) for seed in range(2)])
    spec = ModelSpec(architecture=name, input_size=SIZE, calibration=Calibration(method="platt", scale=0.7, shift=0.1))
    save_bundle(folder, model, spec)
    return export_onnx(folder, pixels(8)) if export else spec


STATISTICS = (ModelSpec(architecture="x", input_size=SIZE).mean, ModelSpec(architecture="x", input_size=SIZE).std)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    make(folder, "attention_cnn")
    return folder


@pytest.fixture
def copy(exported, tmp_path):
    shutil.copytree(exported, tmp_path / "model")
    return tmp_path / "model"


def test_export_onnx_isotonic_rounding(copy):
    """An isotonic calibration may climb by any amount between the logits of two validation faces."""
    network, spec = OnnxNetwork(copy, read_spec(copy), engine="onnxruntime"), read_spec(copy)
    logits = np.unique(network.logits(pixels(8)).astype(np.float64))
    knots = [(z + offset, (k + (offset > 0)) / 9) for k, z in enumerate(logits) for offset in (-1e-12, 1e-12)]
    fitted = Calibration(method="isotonic", knots=tuple(knots))
    write_spec(copy, spec.model_copy(update={"calibration": fitted}))
    exported = export_onnx(copy, pixels(8))
    assert exported.onnx.max_difference <= 1e-4 and exported.calibration == fitted


@pytest.mark.parametrize(
    "network_name",
    [name if name == "attention_cnn" else pytest.param(name, marks=pytest.mark.slow) for name in SMALLEST],
)
def test_onnx_network_equals_torch(tmp_path, network_name):
    spec = make(tmp_path, network_name)
    assert spec == read_spec(tmp_path)
    assert spec.onnx.crops == 8 and spec.onnx.max_difference <= 1e-4
    assert set(spec.onnx.milliseconds) == set(ENGINES)
    times = spec.onnx.milliseconds
    assert (spec.onnx.engine == "onnxruntime") == (times["onnxruntime"] < 0.9 * times["openvino"])
    model, _ = load_bundle(tmp_path)
    images = pixels(5, seed=9)  # another number of faces than in the export
    with torch.inference_mode():
        logits, attention = with_attention(model, normalise(torch.from_numpy(images), spec.mean, spec.std))
    assert logits.std() > 1e-4  # otherwise this would compare constants
    for engine in ENGINES:
        network = OnnxNetwork(tmp_path, spec, engine=engine)
        assert network.logits(images).dtype == np.float32
        np.testing.assert_allclose(network.logits(images), logits, atol=2e-4, rtol=1e-4)
        assert network.logits(images[:0]).shape == (0,)
        if attention is None:
            assert network.attention(images) is None
        else:
            np.testing.assert_allclose(network.attention(images), attention[:, 0], atol=1e-4)


def test_export_onnx_differing_network(tmp_path, monkeypatch):
    make(tmp_path, "attention_cnn", export=False)
    export = onnx_export._export

    def export_shifted(network, example, outputs):
        network.net.head.bias.data += 0.01
        return export(network, example, outputs)

    monkeypatch.setattr(onnx_export, "_export", export_shifted)
    with pytest.raises(InputError, match="other probabilities than torch"):
        export_onnx(tmp_path, pixels(4))
    assert not (tmp_path / "model.onnx").exists()
    assert read_spec(tmp_path).onnx is None


def test_export_onnx_invalid_crops(exported):
    for crops in (pixels(0), np.zeros((1, 32, 32, 3), np.uint8), pixels(1).astype(np.float32)):
        with pytest.raises(InputError, match="faces of shape"):
            export_onnx(exported, crops)
    network = OnnxNetwork(exported, read_spec(exported))
    with pytest.raises(InputError, match="Faces must be"):
        network.logits(np.zeros((1, 32, 32, 3), np.uint8))


@pytest.mark.parametrize("engine", ENGINES)
def test_onnx_network_shared_by_threads(exported, engine):
    network = OnnxNetwork(exported, read_spec(exported), engine=engine, threads=1)
    faces = [pixels(1, seed) for seed in range(40)]
    alone = [network.logits(face)[0] for face in faces]
    with ThreadPoolExecutor(8) as pool:
        together = [logits[0] for logits in pool.map(network.logits, faces)]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_onnx_network_imports_no_torch_and_reports_to_nobody(exported, tmp_path):
    """ONNX Runtime keeps a queue of what it reports in the user's cache, beside a number for the machine."""
    code = (
        "import sys, numpy as np\n"
        "from aletheia.models.onnx_network import OnnxNetwork\n"
        "from aletheia.models.spec import read_spec\n"
        "for engine in ('onnxruntime', 'openvino'):\n"
        "    network = OnnxNetwork(sys.argv[1], read_spec(sys.argv[1]), engine=engine)\n"
        f"    print(network.logits(np.zeros((1, {SIZE}, {SIZE}, 3), np.uint8)))\n"
        "assert 'torch' not in sys.modules and 'mlrun' not in sys.modules\n"
    )
    own = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    own |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "ALETHEIA_CACHE": str(tmp_path / "aletheia")}
    process = subprocess.run(
        [sys.executable, "-c", code, str(exported)], capture_output=True, text=True, timeout=240, env=own
    )
    assert process.returncode == 0, process.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["aletheia"]


def replace(folder, model: onnx.ModelProto | bytes) -> ModelSpec:
    """Put another ONNX file into a bundle and mend the hash, as an attacker would."""
    payload = model if isinstance(model, bytes) else model.SerializeToString()
    (folder / "model.onnx").write_bytes(payload)
    spec = read_spec(folder)
    described = spec.onnx.model_copy(update={"sha256": hashlib.sha256(payload).hexdigest()})
    write_spec(folder, spec.model_copy(update={"onnx": described}))
    return read_spec(folder)


def test_onnx_network_replaced_file(copy):
    spec = read_spec(copy)
    for engine in ENGINES:
        OnnxNetwork(copy, spec, engine=engine)  # from now on compiled in the cache, and refused all the same
    (copy / "model.onnx").write_bytes((copy / "model.onnx").read_bytes() + b"\0")
    for engine in ENGINES:
        with pytest.raises(InputError, match="damaged or was replaced"):
            OnnxNetwork(copy, spec, engine=engine)
    (copy / "model.onnx").unlink()
    with pytest.raises(InputError, match=r"no model\.onnx"):
        OnnxNetwork(copy, spec)
    with pytest.raises(InputError, match="aletheia models export"):
        OnnxNetwork(copy, spec.model_copy(update={"onnx": None}))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty folder for the networks that OpenVINO compiles."""
    get_settings.cache_clear()
    monkeypatch.setenv("ALETHEIA_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache"
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.mark.parametrize("engine", ENGINES)
def test_onnx_network_runs_hashed_bytes(copy, cache, monkeypatch, engine):
    """The file is replaced by another one while it is opened, and restored."""
    spec, file = read_spec(copy), copy / "model.onnx"
    original, model = file.read_bytes(), onnx.load(file)
    bias = next(tensor for tensor in model.graph.initializer if tensor.name.endswith("head.bias"))
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(bias.dims, 50, np.float32), bias.name))
    expected, read_bytes, returned = OnnxNetwork(copy, spec, engine=engine).logits(pixels(2)), Path.read_bytes, []
    shutil.rmtree(cache, ignore_errors=True)

    def read_swapped(path):
        if path != file:
            return read_bytes(path)
        returned.append(model.SerializeToString())
        return returned[-1]

    with monkeypatch.context() as patch:
        # The file itself is the right one for any code that hashes it apart from the bytes that are run.
        patch.setattr(Path, "read_bytes", read_swapped)
        with pytest.raises(InputError, match="damaged or was replaced"):
            OnnxNetwork(copy, spec, engine=engine)
    assert returned and file.read_bytes() == original
    # The cache for the next start holds nothing of it.
    np.testing.assert_array_equal(OnnxNetwork(copy, spec, engine=engine).logits(pixels(2)), expected)


def test_onnx_network_external_weights(copy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_bytes(os.urandom(1000))
    model = onnx.load(copy / "model.onnx")
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    with pytest.raises(InputError, match="refers to other files"):
        OnnxNetwork(copy, replace(copy, model))


def test_onnx_network_custom_operators(copy):
    model = onnx.load(copy / "model.onnx")
    model.opset_import.add(domain="com.example", version=1)
    with pytest.raises(InputError, match="outside of the ONNX standard"):
        OnnxNetwork(copy, replace(copy, model))
    model = onnx.load(copy / "model.onnx")
    del model.opset_import[-1]
    model.functions.add(name="f", domain="")
    with pytest.raises(InputError, match="outside of the ONNX standard"):
        OnnxNetwork(copy, replace(copy, model))


def test_onnx_network_external_weights_anywhere(copy):
    """In an initialiser, in a constant's attribute, in a graph inside of a node."""
    sound = onnx.load(copy / "model.onnx")
    for corner in ("initializer", "constant", "subgraph"):
        model = onnx.ModelProto()
        model.CopyFrom(sound)
        tensor = onnx.numpy_helper.from_array(np.zeros(3, np.float32), "t")
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../secret")
        if corner == "initializer":
            model.graph.initializer.append(tensor)
        elif corner == "constant":
            model.graph.node.append(onnx.helper.make_node("Constant", [], ["c"], value=tensor))
        else:
            inner = onnx.helper.make_graph([], "inner", [], [], [tensor])
            model.graph.node.append(onnx.helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner))
        with pytest.raises(InputError, match="refers to other files"):
            OnnxNetwork(copy, replace(copy, model))


@pytest.mark.parametrize("engine", ENGINES)
def test_onnx_network_other_outputs(copy, engine):
    model = onnx.load(copy / "model.onnx")
    attention = next(output for output in model.graph.output if output.name == "attention")
    logits = next(output for output in model.graph.output if output.name == "logits")
    attention.name, logits.name = "logits", "attention"
    for node in model.graph.node:
        swap = {"attention": "logits", "logits": "attention"}
        node.output[:] = [swap.get(name, name) for name in node.output]
        node.input[:] = [swap.get(name, name) for name in node.input]
    with pytest.raises(InputError, match="no detector"):
        OnnxNetwork(copy, replace(copy, model), engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_onnx_network_damaged_graphs(copy, engine):
    content = (copy / "model.onnx").read_bytes()
    rng = np.random.default_rng(0)
    for length in rng.integers(0, len(content), 12):
        with pytest.raises(InputError):
            OnnxNetwork(copy, replace(copy, content[:length]), engine=engine)
    for _ in range(12):
        garbled = bytearray(content)
        for position in rng.integers(0, 2000, 20):
            garbled[position] = rng.integers(0, 256)
        with contextlib.suppress(InputError):  # a changed name or weight is no damage
            OnnxNetwork(copy, replace(copy, bytes(garbled)), engine=engine)
