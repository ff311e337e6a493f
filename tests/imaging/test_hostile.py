"""Pictures that are small and would hold a decoder for long are refused before they are decoded."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from PIL import Image

from aletheia.imaging.hostile import count_scans, gif_comment_bytes
from aletheia.imaging.reading import UnreadableImageError, read_image


def saved(shape: tuple[int, int], kind: str = "JPEG", **options) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def with_scans(data: bytes, number: int) -> bytes:
    """Repeat the beginning of the last scan of a progressive JPEG, which libjpeg accepts with a warning."""
    scan = data[data.rindex(b"\xff\xda") : -2][:10]
    return data[:-2] + scan * number + b"\xff\xd9"


def gif(comment: int, comments: int = 1) -> bytes:
    data = saved((8, 8), "GIF")
    start = 13 + (3 << ((data[10] & 7) + 1))
    blocks = b"\xff" + b"c" * 255
    extension = b"\x21\xfe" + blocks * (comment // 255) + b"\0"
    return data[:start] + extension * comments + data[start:]


def test_count_scans_of_usual_files():
    assert count_scans(saved((40, 60))) == 1
    assert count_scans(saved((40, 60), progressive=True)) == 10  # libjpeg's script for colour (jcparam.c)
    assert count_scans(with_scans(saved((40, 60), progressive=True), 30)) == 40
    assert count_scans(saved((40, 60), restart_marker_blocks=1)) == 1
    assert count_scans(b"\xff\xd8\xff") == 0


def test_count_scans_leaves_out_what_is_no_scan():
    """A preview inside, and the film that a phone appends to a "motion photo"."""
    preview = saved((16, 16), progressive=True)
    film = np.random.default_rng(1).integers(0, 256, 3 << 20, dtype=np.uint8).tobytes()
    photo = saved((3000, 4000), exif=b"Exif\0\0" + preview) + film
    assert photo.count(b"\xff\xda") > 20
    assert count_scans(photo) == 1
    assert read_image(photo).shape == (3000, 4000, 3)


@pytest.mark.parametrize(("shape", "scans", "accepted"), [((3000, 4000), 195, False), ((100, 100), 100, True)])
def test_read_image_many_scans_of_many_pixels(shape, scans, accepted):
    data = with_scans(saved(shape, progressive=True, quality=20), scans - 10)
    if accepted:
        assert read_image(data).shape == (*shape, 3)
        return
    began = time.process_time()
    with pytest.raises(UnreadableImageError, match=f"has {scans} JPEG scans of 12,000,000 pixels"):
        read_image(data)
    assert time.process_time() - began < 2  # decoded, it takes some ten


def test_gif_comment_bytes():
    assert gif_comment_bytes(saved((8, 8), "GIF")) == 0
    assert gif_comment_bytes(gif(510)) == 510
    assert gif_comment_bytes(gif(510, 3)) == 1530
    assert gif_comment_bytes(gif(510)[:-1]) == 510
    assert gif_comment_bytes(b"GIF89a") == 0


@pytest.mark.parametrize(("comment", "comments"), [(40 << 20, 1), (510, 80_000)])
def test_read_image_endless_comment(comment, comments):
    data = gif(comment, comments)
    began = time.process_time()
    with pytest.raises(UnreadableImageError, match="comment of over"):
        read_image(data)
    assert time.process_time() - began < 3
    assert read_image(gif(100_000)).shape == (8, 8, 3)
