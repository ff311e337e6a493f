"""Videos by name and by content, against files that FFmpeg and Pillow write."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from PIL import Image

from aletheia.imaging.media_types import HEAD_BYTES, begins_as_video, describe_format, image_format, is_video


@pytest.mark.parametrize(
    ("name", "video"), [("a.MP4", True), ("a.webm", True), ("b/a.mov", True), ("mp4", False), ("a.mp4.png", False)]
)
def test_is_video(name, video):
    assert is_video(name) is video


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "avi", "ts", "m2ts", "flv", "mpg", "wmv", "ogv"])
def test_begins_as_video_for_containers(suffix, tmp_path):
    codec = {"mpg": "mpeg2video", "wmv": "wmv2", "ogv": "libtheora"}.get(suffix, "libx264")
    if codec not in av.codecs_available:
        codec = "libvpx"
    path = tmp_path / f"clip.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode())
    head = path.read_bytes()[:HEAD_BYTES]
    assert begins_as_video(head)
    assert is_video(path)
    assert describe_format(head) == "a video"
    assert not image_format(head)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_begins_as_video_for_images(kind):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, kind)
    assert not begins_as_video(buffer.getvalue()[:12])


def test_begins_as_video_for_still_images_in_iso_containers():
    assert not begins_as_video(b"\0\0\0\x18ftypheic")
    assert begins_as_video(b"\0\0\0\x18ftypisom")
    assert not begins_as_video(b"")
    for brand, compatible, form in (
        (b"mif1", b"mif1heic", "heif"),
        (b"mif1", b"mif1avif", "avif"),
        (b"avif", b"", "avif"),
    ):
        assert image_format((16 + len(compatible)).to_bytes(4, "big") + b"ftyp" + brand + bytes(4) + compatible) == form


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"8BPS\0\1", "a Photoshop file"),
        (b"%PDF-1.7", "a PDF document"),
        (b"RIFF\0\0\0\0WAVEfmt ", "a WAV sound file"),
        (b"RIFF\0\0\0\0sfbk", "a RIFF file of the kind 'sfbk'"),
        (b"\0\0\0\x18ftypcrx ", "a camera's raw file"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x">', "an SVG drawing"),
        (b"P6\n4 4\n255\n", "a PNM picture"),
        (b"\xff\x0a\xfa", "a JPEG XL picture"),
        (b"hello", ""),
        (b"G" + b"x" * 399, ""),
    ],
)
def test_describe_format_names_what_is_not_read(head, name):
    assert describe_format(head) == name
    assert not begins_as_video(head)
    assert not image_format(head)
