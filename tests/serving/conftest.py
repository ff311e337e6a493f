"""A model bundle with random weights: what it answers means nothing, but is the same every time."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from aletheia.models.bundle import save_bundle
from aletheia.models.onnx_export import export_onnx
from aletheia.models.registry import create_model
from aletheia.models.spec import AbstentionSpec, Calibration, CropSpec, ModelSpec, read_spec, write_spec


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    torch.manual_seed(4)
    spec = ModelSpec(
        architecture="attention_cnn",
        options={"width": 8},
        input_size=48,
        crop=CropSpec(size=64, policy="scale", margin=0.25),
        calibration=Calibration(method="platt", scale=1.7, shift=-0.3),
        threshold=0.4,
    )
    save_bundle(folder, create_model("attention_cnn", width=8).eval(), spec)
    export_onnx(folder, np.random.default_rng(0).integers(0, 256, (4, 48, 48, 3), np.uint8))
    return folder


@pytest.fixture(scope="session")
def with_rules(bundle, tmp_path_factory) -> Callable[..., Path]:
    """The same model with rules of abstention, and with whatever else is named."""

    def make(changes: dict | None = None, **rules) -> Path:
        folder = tmp_path_factory.mktemp("rules") / "model"
        shutil.copytree(bundle, folder)
        # Limits that are never in the way, unless they are named.
        values = {"alpha": 0.1, "real_upper": 0.4, "fake_lower": 0.4, **rules}
        update = {"abstention": AbstentionSpec(**values), **(changes or {})}
        write_spec(folder, read_spec(folder).model_copy(update=update))
        return folder

    return make
