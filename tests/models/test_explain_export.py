"""Grad-CAM in closed form, exported, against torch's autograd; and files that were tampered with."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from aletheia.core.errors import InputError
from aletheia.imaging.transforms import normalise
from aletheia.models import onnx_export
from aletheia.models.bundle import load_bundle, save_bundle
from aletheia.models.explain_export import ExplainedNetwork
from aletheia.models.network import last_map, with_attention
from aletheia.models.onnx_export import export_onnx
from aletheia.models.onnx_network import ENGINES, ExplainNetwork
from aletheia.models.registry import create_model, list_models
from aletheia.models.spec import ModelSpec, read_spec, write_spec
from aletheia.release.bundle import release_bundle
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.training.batch_norm import measure_batch_norm

SIZE = 96


def pixels(n: int, seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (n, 12, 12, 3), np.uint8)
    return coarse.repeat(SIZE // 12, axis=1).repeat(SIZE // 12, axis=2)


def make(folder, name: str) -> ModelSpec:
    save_bundle(folder, *trained_a_little(name))
    return export_onnx(folder, pixels(4))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explained")
    make(folder, "attention_cnn")
    return folder


@pytest.fixture
def copy(exported, tmp_path):
    shutil.copytree(exported, tmp_path / "model")
    return tmp_path / "model"


def grad_cam(model: nn.Module, spec: ModelSpec, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Selvaraju et al., equations 1 and 2, by autograd: of the last map with more than one position."""
    maps: list[torch.Tensor] = []

    def listen(module, inputs, output):
        if isinstance(output, torch.Tensor) and output.ndim == 4 and output.shape[-1] > 1:
            maps.append(output)

    handles = [module.register_forward_hook(listen) for module in model.modules()]
    x = normalise(torch.from_numpy(faces), spec.mean, spec.std).requires_grad_()
    logits, attention = with_attention(model, x)
    for handle in handles:
        handle.remove()
    (gradient,) = torch.autograd.grad(logits.sum(), maps[-1])
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    cam = torch.relu((weights * maps[-1]).sum(dim=1))
    cam = cam / cam.amax(dim=(1, 2), keepdim=True).clamp(min=1e-20)
    return cam.detach().numpy(), None if attention is None else attention.detach().numpy()[:, 0]


def trained_a_little(name: str) -> tuple[nn.Module, ModelSpec]:
    torch.manual_seed(0)
    model, spec = create_model(name), ModelSpec(architecture=name, input_size=SIZE)
    measure_batch_norm(model, [normalise(torch.from_numpy(pixels(16, seed)), spec.mean, spec.std) for seed in (7, 8)])
    return model.eval(), spec


def test_explained_network_equals_autograd(network_name):
    model, spec = trained_a_little(network_name)
    if last_map(model) is None:
        pytest.skip(f"{network_name} declares no last map")
    faces = pixels(5, seed=3)
    cam, attention = grad_cam(model, spec, faces)
    assert cam.shape[0] == 5 and cam.std(axis=(1, 2)).max() > 0.1  # otherwise this would compare constants
    with torch.inference_mode():
        outputs = ExplainedNetwork(model, spec, last_map(model), attention is not None)(torch.from_numpy(faces))
    np.testing.assert_allclose(outputs[-1], cam, atol=2e-3)
    assert len(outputs) == (2 if attention is None else 3)


@pytest.mark.parametrize("engine", ENGINES)
def test_explain_network_equals_torch(exported, engine):
    compare(exported, engine)


@pytest.mark.slow
def test_explain_network_equals_torch_every_family(tmp_path, network_name):
    if not make(tmp_path, network_name).onnx.explain:
        pytest.skip(f"{network_name} declares no last map")
    for engine in ENGINES:
        compare(tmp_path, engine)


def compare(folder, engine: str) -> None:
    spec, (model, _) = read_spec(folder), load_bundle(folder)
    assert spec.onnx.explain == hashlib.sha256((folder / "explain.onnx").read_bytes()).hexdigest()
    assert "explain.onnx" in spec.files()
    faces = pixels(5, seed=3)  # another number of faces than in the export
    cam, attention = grad_cam(model, spec, faces)
    spec = spec.model_copy(update={"onnx": spec.onnx.model_copy(update={"engine": engine})})
    exported_attention, exported_cam = ExplainNetwork(folder, spec).maps(faces)
    assert exported_cam.dtype == np.float32 and exported_cam.min() >= 0 and exported_cam.max() <= 1
    np.testing.assert_allclose(exported_cam, cam, atol=2e-3)
    assert (exported_attention is None) == (attention is None)
    if attention is not None:
        np.testing.assert_allclose(exported_attention, attention, atol=1e-4)


@pytest.mark.parametrize(
    "pattern", ["attention_cnn", "efficientnet_*", "torchvision_efficientnet_*", "mobilenet_v2", "xception"]
)
def test_last_map_of_family(pattern):
    for name in list_models(pattern):
        with torch.device("meta"):
            assert last_map(create_model(name)).weights.ndim == 1, name


def test_explained_network_tied_maximum():
    """Two positions share the largest value; autograd splits the derivative between them, the sum stays."""
    torch.manual_seed(1)
    net = create_model("attention_cnn", width=8).eval()
    spec = ModelSpec(architecture="attention_cnn", input_size=SIZE)
    face = np.full((1, SIZE, SIZE, 3), 90, np.uint8)
    face[:, ::8, ::8] = 200
    cam, _ = grad_cam(net, spec, face)
    explained = ExplainedNetwork(net, spec, last_map(net), True)(torch.from_numpy(face))[-1]
    np.testing.assert_allclose(explained.detach().numpy(), cam, atol=1e-4)


def test_explained_network_without_evidence_is_zero():
    net = create_model("attention_cnn", width=8).eval()
    nn.init.constant_(net.head.weight, -0.3)  # the map itself is never negative
    spec = ModelSpec(architecture="attention_cnn", input_size=SIZE)
    explained = ExplainedNetwork(net, spec, last_map(net), True)(torch.from_numpy(pixels(2)))[-1]
    assert explained.shape[0] == 2 and not explained.any()
    nn.init.constant_(net.head.weight, 0.3)
    assert torch.equal(
        ExplainedNetwork(net, spec, last_map(net), True)(torch.from_numpy(pixels(2)))[-1].amax((1, 2)), torch.ones(2)
    )


def test_explained_network_cancelling_sums_stay_small():
    """Two channels that differ by rounding only, weighted against each other: nothing speaks for a fake."""
    net = create_model("attention_cnn", width=8).eval()
    noise = 1 + 1e-6 * torch.arange(16)[:, None, None]
    net.coarse.register_forward_hook(lambda _, __, output: output[:, :1] * noise)
    features = last_map(net)._replace(weights=torch.tensor([-1.0, 1.0] + 14 * [0.0]))
    spec = ModelSpec(architecture="attention_cnn", input_size=SIZE)
    explained = ExplainedNetwork(net, spec, features, True)(torch.from_numpy(pixels(2)))[-1]
    assert 0 < explained.max() < 0.1


def test_export_onnx_without_last_map(tmp_path, monkeypatch):
    (tmp_path / "explain.onnx").write_bytes(b"from an earlier export")
    monkeypatch.setattr(onnx_export, "last_map", lambda net: None)
    spec = make(tmp_path, "attention_cnn")
    assert spec.onnx.explain == "" and spec.files() == ["model.safetensors", "model.onnx"]
    assert not (tmp_path / "explain.onnx").exists()
    with pytest.raises(InputError, match="aletheia models export"):
        ExplainNetwork(tmp_path, spec)


def test_export_onnx_differing_grad_cam(tmp_path, monkeypatch):
    export = onnx_export._export

    def export_negated(network, example, outputs):
        if "cam" not in outputs:
            return export(network, example, outputs)
        network.weights.neg_()
        try:
            return export(network, example, outputs)
        finally:
            network.weights.neg_()

    monkeypatch.setattr(onnx_export, "_export", export_negated)
    with pytest.raises(InputError, match="another than torch's"):
        make(tmp_path, "attention_cnn")
    assert not (tmp_path / "explain.onnx").exists()


def test_release_bundle_keeps_explanations(copy, good, tmp_path):
    evaluation = EvaluationReport.parse({**good, "weights_sha256": read_spec(copy).weights_sha256})
    folder, released = release_bundle(copy, evaluation, [], tmp_path / "released")
    assert released.onnx == read_spec(copy).onnx
    attention, cam = ExplainNetwork(folder, released).maps(pixels(2))
    assert cam.shape == (2, 12, 12) and attention.shape == (2, 24, 24)


def replace(folder, payload: bytes) -> ModelSpec:
    """Put another file into a bundle and mend the hash, as an attacker would."""
    (folder / "explain.onnx").write_bytes(payload)
    spec = read_spec(folder)
    described = spec.onnx.model_copy(update={"explain": hashlib.sha256(payload).hexdigest()})
    write_spec(folder, spec.model_copy(update={"onnx": described}))
    return read_spec(folder)


@pytest.mark.parametrize("engine", ENGINES)
def test_explain_network_replaced_file(copy, engine):
    content, spec = (copy / "explain.onnx").read_bytes(), read_spec(copy)
    spec = spec.model_copy(update={"onnx": spec.onnx.model_copy(update={"engine": engine})})
    ExplainNetwork(copy, spec)
    (copy / "explain.onnx").write_bytes(content + b"\0")
    with pytest.raises(InputError, match="damaged or was replaced"):
        ExplainNetwork(copy, spec)
    (copy / "explain.onnx").unlink()
    with pytest.raises(InputError, match=r"no explain\.onnx"):
        ExplainNetwork(copy, spec)


def test_explain_network_external_weights(copy):
    model = onnx.load(copy / "explain.onnx")
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    with pytest.raises(InputError, match="refers to other files"):
        ExplainNetwork(copy, replace(copy, model.SerializeToString()))


def test_explain_network_without_maps(copy):
    model = onnx.load(copy / "explain.onnx")
    with pytest.raises(InputError, match=r"explain\.onnx"):
        ExplainNetwork(copy, replace(copy, (copy / "model.onnx").read_bytes()))
    names = {"cam": "attention", "attention": "cam"}
    for part in [*model.graph.output, *model.graph.node]:
        if isinstance(part, onnx.NodeProto):
            part.output[:] = [names.get(name, name) for name in part.output]
            part.input[:] = [names.get(name, name) for name in part.input]
        else:
            part.name = names.get(part.name, part.name)
    with pytest.raises(InputError, match="no detector"):
        ExplainNetwork(copy, replace(copy, model.SerializeToString()))


def test_explain_network_imports_no_torch(exported):
    code = (
        "import sys, numpy as np\n"
        "from aletheia.models.onnx_network import ExplainNetwork\n"
        "from aletheia.models.spec import read_spec\n"
        f"pixels = np.zeros((1, {SIZE}, {SIZE}, 3), np.uint8)\n"
        "ExplainNetwork(sys.argv[1], read_spec(sys.argv[1])).maps(pixels)\n"
        "assert 'torch' not in sys.modules and 'mlrun' not in sys.modules\n"
    )
    process = subprocess.run([sys.executable, "-c", code, str(exported)], capture_output=True, text=True, timeout=240)
    assert process.returncode == 0, process.stderr


def test_export_onnx_explanations_are_small(exported):
    """At most a tenth larger than the network for serving."""
    sizes = [(exported / name).stat().st_size for name in ("explain.onnx", "model.onnx")]
    assert sizes[0] < 1.1 * sizes[1]
