"""Videos by name and by content, against files that FFmpeg and Pillow write."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from aletheia.imaging.media_types import begins_as_video, is_video


@pytest.mark.parametrize(
    ("name", "video"), [("a.MP4", True), ("a.webm", True), ("b/a.mov", True), ("mp4", False), ("a.mp4.png", False)]
)
def test_is_video(name, video):
    assert is_video(name) is video


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "avi"])
def test_begins_as_video_for_containers(suffix, write_video, tmp_path):
    path = write_video(tmp_path / f"clip.{suffix}", [np.zeros((32, 32, 3), np.uint8)] * 3)
    assert begins_as_video(path.read_bytes()[:12])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_begins_as_video_for_images(kind):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, kind)
    assert not begins_as_video(buffer.getvalue()[:12])


def test_begins_as_video_for_still_images_in_iso_containers():
    assert not begins_as_video(b"\0\0\0\x18ftypheic")
    assert begins_as_video(b"\0\0\0\x18ftypisom")
    assert not begins_as_video(b"")
