"""A model bundle with random weights: what it answers means nothing, but is the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aletheia.models.bundle import save_bundle
from aletheia.models.onnx_export import export_onnx
from aletheia.models.registry import create_model
from aletheia.models.spec import Calibration, CropSpec, ModelSpec


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
