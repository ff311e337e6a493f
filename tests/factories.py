"""Small image folders, manifests and crops that several packages' tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aletheia.datasets.manifest import validate_manifest


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
    return manifest


def manifest(n: int, seed: int = 0, fakes: float = 0.6, people: int = 0, **columns: object) -> pd.DataFrame:
    """Make what `make_manifest` makes."""
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


def soft_crops(n: int, seed: int, size: int = 32) -> np.ndarray:
    """`n` pictures (n, size, size, 3) uint8 of soft blobs with a little noise, each another."""
    rng = np.random.default_rng(seed)
    blobs = rng.uniform(60, 190, (n, 4, 4, 3)).astype(np.float32)
    large = np.stack([cv2.resize(blob, (size, size), interpolation=cv2.INTER_CUBIC) for blob in blobs])
    return np.clip(large + rng.normal(0, 3, large.shape), 0, 255).astype(np.uint8)
