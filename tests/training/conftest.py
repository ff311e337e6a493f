"""Crude stand-ins for faces: smooth textures, and the same with a disc blended in from another one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from ..model_factories import declare_network, own_registry


def texture(rng: np.random.Generator, size: int) -> np.ndarray:
    """A smooth random colour texture with a little camera noise, (size, size, 3) uint8."""
    coarse = rng.normal(128, 40, (6, 6, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 3, smooth.shape), 0, 255).astype(np.uint8)


def write_images(folder: Path, n: int, size: int = 48, seed: int = 0, fake_share: float = 0.6) -> pd.DataFrame:
    """Write `n` PNG files and return their manifest (path, label, identity, gender, generator)."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:size, :size]
    rows = []
    for index in range(n):
        image = texture(rng, size)
        fake = index % 10 < 10 * fake_share
        if fake:
            disc = (x - size / 2) ** 2 + (y - size / 2) ** 2 < (size * rng.uniform(0.2, 0.35)) ** 2
            image[disc] = texture(rng, size)[disc]
        path = folder / f"{index:04d}.png"
        cv2.imwrite(str(path), image)
        rows.append(
            {
                "path": str(path),
                "label": "fake" if fake else "real",
                "identity": f"id{index // 3}",
                "gender": ["f", "m"][index % 2],
                "generator": ["swap", "blend"][index % 2] if fake else "",
            }
        )
    return pd.DataFrame(rows).sample(frac=1, random_state=seed).reset_index(drop=True)


@pytest.fixture(scope="session")
def discs(tmp_path_factory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """120 training and 60 validation rows of 48 x 48 pixels."""
    folder = tmp_path_factory.mktemp("discs")
    return write_images(folder / "train", 120, seed=1), write_images(folder / "val", 60, seed=2)


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Several test processes share the cores; waiting threads would take them from each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
