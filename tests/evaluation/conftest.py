"""Crude crops and a small trained model for the evaluation; one thread for torch."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from aletheia.models.bundle import save_bundle
from aletheia.models.registry import create_model
from aletheia.models.spec import ModelSpec


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Several test processes share the cores; waiting threads would take them from each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def write_crops(folder: Path, n: int, seed: int) -> pd.DataFrame:
    """`n` noise images; fakes are brighter by a bit, so that brightness separates the classes, not perfectly."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    rows = []
    for index in range(n):
        fake = index % 4 != 0
        image = np.clip(rng.normal(120, 20, (32, 32, 3)) + rng.normal(12 * fake, 8), 0, 255).astype(np.uint8)
        path = folder / f"{index:03d}.png"
        cv2.imwrite(str(path), image)
        rows.append(
            {
                "path": str(path),
                "label": "fake" if fake else "real",
                "source": "studio",
                "generator": ["swap", "blend"][index % 2] if fake else "",
                "identity": f"{folder.name}-{index // 4}",
                "gender": ["f", "m"][index // 4 % 2],
                "width": 32,
                "height": 32,
                "format": "png",
                "file_bytes": path.stat().st_size,
                "original": str(path),
                "face_x0": 4.0,
                "face_y0": 4.0,
                "face_x1": 28.0,
                "face_y1": 28.0,
                "face_score": 0.9,
                "face_keypoints": " ".join(f"{x:.1f},{y:.1f}" for x, y in rng.uniform(8, 24, (6, 2))),
                "crop_size": 32,
                "crop_policy": "scale",
                "crop_margin": 0.2,
            }
        )
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def crops(tmp_path_factory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test manifests of 80 and 120 crops, nobody in both."""
    folder = tmp_path_factory.mktemp("crops")
    return write_crops(folder / "train", 80, 1), write_crops(folder / "test", 120, 2)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Path:
    """A network whose logit is the mean brightness: nothing is learned, everything is known."""
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
        calibration={"method": "platt", "scale": 2.0, "shift": 0.5},
        threshold=0.6,
        threshold_how="set by hand",
        run="run-1",
    )
    save_bundle(folder, model, spec)
    return folder


@pytest.fixture
def many_people() -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """100,000 rows: demographic columns, labels, probabilities, and units of twenty rows each."""
    rng = np.random.default_rng(0)
    n = 100_000
    y = (rng.random(n) < 0.5).astype(int)
    p = np.clip(0.5 + 0.2 * (2 * y - 1) + rng.normal(0, 0.25, n), 0, 1)
    names = {"gender": 2, "age": 5, "skin_tone": 3, "ethnicity": 4}
    frame = pd.DataFrame({name: rng.integers(0, k, n).astype(str) for name, k in names.items()})
    return frame, y, p, (np.arange(n) // 20).astype(str)
