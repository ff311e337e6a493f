"""Grad-CAM in closed form, exported, against torch's autograd; and files that are none of ours."""

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
from aletheia.models.explain_export import Explained, last_map
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
    """Selvaraju et al., equations 1 and 2, by autograd: of the last map with more than one place, wherever it is."""
    maps: list[torch.Tensor] = []

    def listen(module, taken, given):
        if isinstance(given, torch.Tensor) and given.ndim == 4 and given.shape[-1] > 1:
            maps.append(given)

    handles = [module.register_forward_hook(listen) for module in model.modules()]
    x = normalise(torch.from_numpy(faces), spec.mean, spec.std).requires_grad_()
    logits, attention = model(x, return_attention=True)
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


def test_the_closed_form_is_autograds(network_name):
    model, spec = trained_a_little(network_name)
    faces = pixels(5, seed=3)
    cam, attention = grad_cam(model, spec, faces)
    assert cam.shape[0] == 5 and cam.std(axis=(1, 2)).max() > 0.1  # otherwise this would compare constants
    with torch.inference_mode():
        given = Explained(model, spec, last_map(model), attention is not None)(torch.from_numpy(faces))
    np.testing.assert_allclose(given[-1], cam, atol=2e-3)
    assert len(given) == (2 if attention is None else 3)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_exported_maps_are_torchs(exported, engine):
    compare(exported, engine)


@pytest.mark.slow
def test_every_family_gives_the_same_on_both_engines(tmp_path, network_name):
    make(tmp_path, network_name)
    for engine in ENGINES:
        compare(tmp_path, engine)


def compare(folder, engine: str) -> None:
    spec, (model, _) = read_spec(folder), load_bundle(folder)
    assert spec.onnx.explain == hashlib.sha256((folder / "explain.onnx").read_bytes()).hexdigest()
    assert "explain.onnx" in spec.files()
    faces = pixels(5, seed=3)  # another number of faces than in the export
    cam, attention = grad_cam(model, spec, faces)
    spec = spec.model_copy(update={"onnx": spec.onnx.model_copy(update={"engine": engine})})
    given_attention, given = ExplainNetwork(folder, spec).maps(faces)
    assert given.dtype == np.float32 and given.min() >= 0 and given.max() <= 1
    np.testing.assert_allclose(given, cam, atol=2e-3)
    assert (given_attention is None) == (attention is None)
    if attention is not None:
        np.testing.assert_allclose(given_attention, attention, atol=1e-4)


def test_the_end_of_every_network_is_known():
    for name in list_models():
        with torch.device("meta"):
            net = create_model(name)
            assert last_map(net).weights.ndim == 1, name


def test_a_maximum_that_several_places_reach_counts_once():
    """Two places share the largest value; autograd splits the derivative between them, the sum stays."""
    torch.manual_seed(1)
    net = create_model("attention_cnn", width=8).eval()
    spec = ModelSpec(architecture="attention_cnn", input_size=SIZE)
    face = np.full((1, SIZE, SIZE, 3), 90, np.uint8)
    face[:, ::8, ::8] = 200
    cam, _ = grad_cam(net, spec, face)
    given = Explained(net, spec, last_map(net), True)(torch.from_numpy(face))[-1]
    np.testing.assert_allclose(given.detach().numpy(), cam, atol=1e-4)


def test_where_nothing_speaks_for_a_fake_the_map_is_empty():
    net = create_model("attention_cnn", width=8).eval()
    nn.init.constant_(net.head.weight, -0.3)  # the map itself is never negative
    spec = ModelSpec(architecture="attention_cnn", input_size=SIZE)
    given = Explained(net, spec, last_map(net), True)(torch.from_numpy(pixels(2)))[-1]
    assert given.shape[0] == 2 and not given.any()
    nn.init.constant_(net.head.weight, 0.3)
    assert torch.equal(
        Explained(net, spec, last_map(net), True)(torch.from_numpy(pixels(2)))[-1].amax((1, 2)), torch.ones(2)
    )


def test_sums_that_cancel_out_are_not_blown_up():
    """Two channels that differ by rounding only, weighted against each other: nothing speaks for a fake."""
    net = create_model("attention_cnn", width=8).eval()
    net.coarse.register_forward_hook(lambda _, __, given: given[:, :1] * (1 + 1e-6 * torch.arange(16)[:, None, None]))
    found = last_map(net)._replace(weights=torch.tensor([-1.0, 1.0] + 14 * [0.0]))
    spec = ModelSpec(architecture="attention_cnn", input_size=SIZE)
    given = Explained(net, spec, found, True)(torch.from_numpy(pixels(2)))[-1]
    assert 0 < given.max() < 0.1


def test_a_network_that_ends_otherwise_is_served_without(tmp_path, monkeypatch):
    (tmp_path / "explain.onnx").write_bytes(b"of another export")
    monkeypatch.setattr(onnx_export, "last_map", lambda net: None)
    spec = make(tmp_path, "attention_cnn")
    assert spec.onnx.explain == "" and spec.files() == ["model.safetensors", "model.onnx"]
    assert not (tmp_path / "explain.onnx").exists()
    with pytest.raises(InputError, match="aletheia models export"):
        ExplainNetwork(tmp_path, spec)


def test_a_map_that_differs_is_refused(tmp_path, monkeypatch):
    really = onnx_export._export

    def turned(network, example, outputs):
        if "cam" not in outputs:
            return really(network, example, outputs)
        network.weights.neg_()
        try:
            return really(network, example, outputs)
        finally:
            network.weights.neg_()

    monkeypatch.setattr(onnx_export, "_export", turned)
    with pytest.raises(InputError, match="another than torch's"):
        make(tmp_path, "attention_cnn")
    assert not (tmp_path / "explain.onnx").exists()


def test_a_release_takes_it_along(copy, good, tmp_path):
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
def test_a_file_that_is_not_the_one_described(copy, engine):
    content, spec = (copy / "explain.onnx").read_bytes(), read_spec(copy)
    spec = spec.model_copy(update={"onnx": spec.onnx.model_copy(update={"engine": engine})})
    ExplainNetwork(copy, spec)
    (copy / "explain.onnx").write_bytes(content + b"\0")
    with pytest.raises(InputError, match="damaged or was replaced"):
        ExplainNetwork(copy, spec)
    (copy / "explain.onnx").unlink()
    with pytest.raises(InputError, match=r"no explain\.onnx"):
        ExplainNetwork(copy, spec)


def test_a_graph_that_reads_other_files_is_not_opened(copy):
    model = onnx.load(copy / "explain.onnx")
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    with pytest.raises(InputError, match="points at other files"):
        ExplainNetwork(copy, replace(copy, model.SerializeToString()))


def test_a_graph_without_maps_is_not_opened(copy):
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


def test_torch_is_not_imported(exported):
    code = (
        "import sys, numpy as np\n"
        "from aletheia.models.onnx_network import ExplainNetwork\n"
        "from aletheia.models.spec import read_spec\n"
        f"pixels = np.zeros((1, {SIZE}, {SIZE}, 3), np.uint8)\n"
        "ExplainNetwork(sys.argv[1], read_spec(sys.argv[1])).maps(pixels)\n"
        "assert 'torch' not in sys.modules and 'mlrun' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(exported)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_it_takes_little_room(exported):
    """As much as the network for serving, give or take a tenth."""
    sizes = [(exported / name).stat().st_size for name in ("explain.onnx", "model.onnx")]
    assert sizes[0] < 1.1 * sizes[1]
