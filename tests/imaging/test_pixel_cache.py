"""Images decoded once."""

from __future__ import annotations

import os
import time

import cv2
import numpy as np
import pytest

from aletheia.imaging import pixel_cache as pixels
from aletheia.imaging.reading import read_image
from aletheia.imaging.transforms import resize_rgb


@pytest.fixture(autouse=True)
def _fresh():
    pixels.clear_cache()
    yield
    pixels.clear_cache()


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    for index in range(6):
        path = tmp_path / f"{index}.png"
        cv2.imwrite(str(path), rng.integers(0, 256, (40, 30 + index, 3), dtype=np.uint8))
        paths.append(str(path))
    return paths


def test_order_content_and_gaps(files, tmp_path):
    (tmp_path / "2.png").write_bytes(b"broken")
    os.unlink(files[4])
    found = pixels.decode_images(files, 16, workers=3)
    assert found.rows.tolist() == [0, 1, 3, 5]
    assert found.skipped["path"].tolist() == [files[2], files[4]]
    assert found.skipped["reason"].str.len().gt(5).all()
    for image, row in zip(found.array, found.rows, strict=True):
        np.testing.assert_array_equal(image, resize_rgb(read_image(files[row]), 16))


def test_a_second_call_decodes_nothing(files, monkeypatch):
    first = pixels.decode_images(files, 16)
    monkeypatch.setattr(pixels, "read_image", None)
    assert pixels.decode_images(files, 16) is first


def test_other_sizes_orders_and_changed_files_are_decoded_anew(files):
    first = pixels.decode_images(files, 16)
    assert pixels.decode_images(files, 20).array.shape[1] == 20
    np.testing.assert_array_equal(pixels.decode_images(files[::-1], 16).array, first.array[::-1])
    cv2.imwrite(files[0], np.zeros((40, 30, 3), np.uint8))
    os.utime(files[0], ns=(time.time_ns(), time.time_ns() + 10**9))
    assert pixels.decode_images(files, 16).array[0].max() == 0


def test_the_cache_cannot_be_written_to(files):
    with pytest.raises(ValueError, match="read-only"):
        pixels.decode_images(files, 16).array[0] = 0


def test_large_sets_go_to_a_mapped_file_that_disappears(files, monkeypatch, tmp_path):
    small = pixels.decode_images(files, 16)
    expected = np.array(small.array)
    pixels.clear_cache()
    monkeypatch.setattr(pixels, "MAX_CACHE_BYTES", 1000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mapped = pixels.decode_images(files, 16)
    np.testing.assert_array_equal(mapped.array, expected)
    (folder,) = tmp_path.glob("aletheia-pixels-*")
    assert (folder / "pixels.npy").stat().st_size > expected.nbytes
    pixels.clear_cache()
    del mapped
    assert not folder.exists()


def test_the_cache_forgets_the_oldest_beyond_its_limit(files, monkeypatch):
    monkeypatch.setattr(pixels, "MAX_CACHE_BYTES", 6 * 16 * 16 * 3 + 100)
    first = pixels.decode_images(files, 16)
    pixels.decode_images(files[:5], 16)
    assert pixels.decode_images(files, 16) is not first


def test_no_files():
    assert pixels.decode_images([], 16).array.shape == (0, 16, 16, 3)
