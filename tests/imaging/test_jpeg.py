from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from aletheia.imaging.jpeg import chroma_subsampling, estimate_quality, scaled_table
from aletheia.imaging.reading import probe_image

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8))


def saved(**options: object) -> bytes:
    stream = io.BytesIO()
    PICTURE.save(stream, "JPEG", **options)
    return stream.getvalue()


@pytest.mark.parametrize("quality", range(1, 101))
def test_estimate_quality_against_pillow(quality: int) -> None:
    assert probe_image(saved(quality=quality)).jpeg_quality == quality


@pytest.mark.parametrize("quality", [20, 51, 77, 93])
def test_estimate_quality_nonstandard_tables(quality: int) -> None:
    table = scaled_table(quality).copy()
    table[::7] += 1
    estimate = estimate_quality(table)
    assert abs(estimate - quality) < 3
    data = saved(qtables=[table.tolist(), table.tolist()])
    assert probe_image(data).jpeg_quality == pytest.approx(estimate)


@pytest.mark.parametrize(("setting", "name"), [("4:4:4", "4:4:4"), ("4:2:2", "4:2:2"), ("4:2:0", "4:2:0")])
def test_chroma_subsampling_against_pillow(setting: str, name: str) -> None:
    assert probe_image(saved(subsampling=setting)).chroma == name


def test_chroma_subsampling_factors() -> None:
    assert chroma_subsampling([(1, 1)]) == "grey"
    assert chroma_subsampling([(1, 2), (1, 1), (1, 1)]) == "4:4:0"
    assert chroma_subsampling([(4, 1), (1, 1), (1, 1)]) == "4:1:1"
    assert chroma_subsampling([(2, 2), (2, 2), (2, 2)]) == "4:4:4"
    assert chroma_subsampling([(2, 2), (1, 1), (2, 1)]) == "other"
    assert chroma_subsampling([(2, 2), (0, 0), (0, 0)]) == "other"


def test_estimate_quality_invalid_tables() -> None:
    assert np.isnan(estimate_quality([]))
    assert np.isnan(estimate_quality([0] * 64))
    assert np.isnan(probe_image(_png()).jpeg_quality)


def _png() -> bytes:
    stream = io.BytesIO()
    PICTURE.save(stream, "PNG")
    return stream.getvalue()
