"""Images decoded once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from aletheia.imaging import pixel_cache
from aletheia.imaging.reading import read_image
from aletheia.imaging.transforms import resize_rgb


@pytest.fixture(autouse=True)
def _fresh():
    pixel_cache.clear_cache()
    yield
    pixel_cache.clear_cache()


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    for index in range(6):
        path = tmp_path / f"{index}.png"
        cv2.imwrite(str(path), rng.integers(0, 256, (40, 30 + index, 3), dtype=np.uint8))
        paths.append(str(path))
    return paths


def test_decode_images_order_and_skipped(files, tmp_path):
    (tmp_path / "2.png").write_bytes(b"broken")
    Path(files[4]).unlink()
    found = pixel_cache.decode_images(files, 16, workers=3)
    assert found.rows.tolist() == [0, 1, 3, 5]
    assert found.skipped["path"].tolist() == [files[2], files[4]]
    assert found.skipped["reason"].str.len().gt(5).all()
    for image, row in zip(found.array, found.rows, strict=True):
        np.testing.assert_array_equal(image, resize_rgb(read_image(files[row]), 16))


def test_decode_images_cached(files, monkeypatch):
    first = pixel_cache.decode_images(files, 16)
    monkeypatch.setattr(pixel_cache, "try_read_image", None)
    assert pixel_cache.decode_images(files, 16) is first


def test_decode_images_cache_key(files):
    first = pixel_cache.decode_images(files, 16)
    assert pixel_cache.decode_images(files, 20).array.shape[1] == 20
    np.testing.assert_array_equal(pixel_cache.decode_images(files[::-1], 16).array, first.array[::-1])
    cv2.imwrite(files[0], np.zeros((40, 30, 3), np.uint8))
    os.utime(files[0], ns=(time.time_ns(), time.time_ns() + 10**9))
    assert pixel_cache.decode_images(files, 16).array[0].max() == 0


def test_decode_images_read_only(files):
    with pytest.raises(ValueError, match="read-only"):
        pixel_cache.decode_images(files, 16).array[0] = 0


def test_decode_images_memory_mapped(files, monkeypatch, tmp_path):
    small = pixel_cache.decode_images(files, 16)
    expected = np.array(small.array)
    pixel_cache.clear_cache()
    monkeypatch.setattr(pixel_cache, "MAX_CACHE_BYTES", 1000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mapped = pixel_cache.decode_images(files, 16)
    np.testing.assert_array_equal(mapped.array, expected)
    (folder,) = tmp_path.glob("aletheia-pixels-*")
    assert (folder / "pixels").stat().st_size == expected.nbytes
    pixel_cache.clear_cache()
    del mapped
    assert not folder.exists()


def test_decode_images_cache_limit(files, monkeypatch):
    monkeypatch.setattr(pixel_cache, "MAX_CACHE_BYTES", 6 * 16 * 16 * 3 + 100)
    first = pixel_cache.decode_images(files, 16)
    pixel_cache.decode_images(files[:5], 16)
    assert pixel_cache.decode_images(files, 16) is not first


def test_decode_images_empty():
    assert pixel_cache.decode_images([], 16).array.shape == (0, 16, 16, 3)
