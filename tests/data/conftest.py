"""Small image folders and manifests that several tests of the data layer share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aletheia.data.manifest import validate_manifest


@pytest.fixture
def save_image() -> Callable[..., Path]:
    """Write a random picture, each seed another, under any name."""

    def save(path: Path, seed: int, **options: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        blocks = np.random.default_rng(seed).integers(0, 256, (10, 10, 3), dtype=np.uint8)
        Image.fromarray(blocks).resize((40, 30), Image.Resampling.BICUBIC).save(path, **options)
        return path

    return save


@pytest.fixture
def face_folder(tmp_path: Path, save_image: Callable[..., Path]) -> Path:
    """A folder with three real and four fake images."""
    root = tmp_path / "faces"
    for i in range(3):
        save_image(root / "real" / "camera" / f"{i}.jpg", i)
    for i in range(4):
        save_image(root / "fake" / ("gan" if i < 2 else "swap") / f"{i}.png", 10 + i)
    return root


@pytest.fixture
def make_manifest() -> Callable[..., pd.DataFrame]:
    """A manifest of n rows: distinct random hashes, groups of people and delivery at random."""

    def make(n: int, seed: int = 0, fakes: float = 0.6, people: int = 0, **columns: object) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        fake = rng.random(n) < fakes
        df = pd.DataFrame(
            {
                "path": [f"/data/{seed}/{i}.jpg" for i in range(n)],
                "label": np.where(fake, "fake", "real"),
                "source": rng.choice(["a", "b"], n),
                "generator": np.where(fake, rng.choice(["gan", "swap"], n), ""),
                "identity": [f"{seed}-p{i}" for i in rng.integers(0, people, n)] if people else "",
                "gender": rng.choice(["female", "male"], n),
                "width": rng.choice([256, 512], n),
                "height": rng.choice([256, 512], n),
                "format": "jpeg",
                "jpeg_quality": rng.choice([75.0, 90.0], n),
                "chroma": rng.choice(["4:2:0", "4:4:4"], n),
                "file_bytes": rng.integers(10_000, 90_000, n),
                "phash": rng.integers(1, 2**63, n, dtype=np.uint64),
            }
        )
        return validate_manifest(df.assign(**columns))

    return make
