"""Small models with hand-set or random weights, and pictures for them."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch

from aletheia.faces.crop_config import CropConfig
from aletheia.models import registry
from aletheia.models.bundle import save_bundle
from aletheia.models.calibration_map import Calibration
from aletheia.models.model_files import ONNX
from aletheia.models.onnx_export import export_onnx
from aletheia.models.registry import create_model, list_models
from aletheia.models.spec import AbstentionSpec, ModelSpec, read_spec, write_spec

#: A network of every family; larger variants of a family are the same code, so that the smallest stands for them.
SMALLEST = [name for name in list_models() if not re.search("_(b|lite)[1-9]$", name)]


@pytest.fixture(scope="session")
def brightness_bundle(tmp_path_factory) -> Path:
    """A network whose logit is the mean brightness, by weights that are set by hand."""
    torch.manual_seed(0)
    model = create_model("attention_cnn", width=4).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        stem, fine, middle = model.stem, model.fine[0], model.middle
        stem[0].weight[0] = 1 / 75
        for block in (fine, middle, model.coarse[1]):
            block[0].weight[0, 0, 1, 1] = 1.0
        for norm in (stem[1], fine[1], middle[1], model.coarse[1][1], model.coarse[2].first[1]):
            norm.weight.fill_(1.0)
        stem[1].bias.fill_(5.0)  # keeps what follows above zero
        model.attention.bias.fill_(20.0)
        model.head.weight[0, 0] = 4.0
        model.head.bias.fill_(-20.0)
    folder = tmp_path_factory.mktemp("model")
    spec = ModelSpec(
        architecture="attention_cnn",
        options={"width": 4},
        input_size=32,
        crop=CropConfig(size=32),
        calibration={"method": "platt", "scale": 2.0, "shift": 0.5},
        threshold=0.6,
        threshold_how="set by hand",
        run="run-1",
    )
    save_bundle(folder, model, spec)
    return folder


@pytest.fixture(scope="session")
def random_bundle(tmp_path_factory) -> Path:
    """A model bundle with random weights: its answers are meaningless, but the same every time."""
    return write_random_bundle(tmp_path_factory.mktemp("bundle"), seed=4)


def write_random_bundle(folder: Path, seed: int, **values) -> Path:
    """Write a bundle with random weights and its ONNX network."""
    torch.manual_seed(seed)
    spec = ModelSpec(
        architecture="attention_cnn",
        options={"width": 8},
        input_size=48,
        crop=CropConfig(size=64, policy="scale", margin=0.25),
        calibration=Calibration(method="platt", scale=1.7, shift=-0.3),
        threshold=0.4,
        **values,
    )
    save_bundle(folder, create_model("attention_cnn", width=8).eval(), spec)
    export_onnx(folder, np.random.default_rng(0).integers(0, 256, (4, 48, 48, 3), np.uint8))
    return folder


@pytest.fixture(scope="session")
def numberless(bundle, tmp_path_factory) -> Path:
    """The same model with a bias of NaN, as a damaged or diverged training leaves it."""
    folder = tmp_path_factory.mktemp("numberless") / "model"
    shutil.copytree(bundle, folder)
    graph = onnx.load(folder / ONNX)
    (bias,) = [tensor for tensor in graph.graph.initializer if tensor.name.endswith("head.bias")]
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(bias.dims, np.nan, np.float32), bias.name))
    (folder / ONNX).write_bytes(graph.SerializeToString())
    spec = read_spec(folder)
    changed = spec.onnx.model_copy(update={"sha256": hashlib.sha256((folder / ONNX).read_bytes()).hexdigest()})
    write_spec(folder, spec.model_copy(update={"onnx": changed}))
    return folder


@pytest.fixture(scope="session")
def with_rules(bundle, tmp_path_factory) -> Callable[..., Path]:
    """The same model with rules of abstention, and with other changes of its description."""

    def make(changes: dict | None = None, **rules) -> Path:
        folder = tmp_path_factory.mktemp("rules") / "model"
        shutil.copytree(bundle, folder)
        # By default no limit ever leads to abstention.
        values = {"alpha": 0.1, "real_upper": 0.4, "fake_lower": 0.4, **rules}
        update = {"abstention": AbstentionSpec(**values), **(changes or {})}
        write_spec(folder, read_spec(folder).model_copy(update=update))
        return folder

    return make


@pytest.fixture
def own_registry(monkeypatch) -> None:
    """A registry that a test may add to."""
    list_models()
    monkeypatch.setattr(registry._REGISTRY, "_entries", dict(registry._REGISTRY._entries))
    monkeypatch.setattr(registry._REGISTRY, "_is_complete", False)


@pytest.fixture
def declare_network(tmp_path, monkeypatch) -> Callable[[str, str], None]:
    """Install a package of one module that declares it as an entry point for networks."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def declare(module: str, source: str) -> None:
        (folder / f"{module}.py").write_text(source)
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[aletheia.networks]\n{module} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return declare


@pytest.fixture(scope="session")
def jpeg(portraits) -> bytes:
    """A picture with one face."""
    return cv2.imencode(".jpg", portraits[0][0][..., ::-1])[1].tobytes()


@pytest.fixture(scope="session")
def clip(portraits, write_video, tmp_path_factory) -> bytes:
    """A video of two seconds with one face."""
    pictures = [portraits[0][0]] * 10
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", pictures).read_bytes()
