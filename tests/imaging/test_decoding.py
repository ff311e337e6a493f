"""Limits and errors of opening images."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.core.wording import counted
from aletheia.imaging.decoding import (
    UnreadableImageError,
    decoder_errors,
    load_bytes,
    open_image,
    without_leading_bytes,
)

from .picture_files import encode


def test_load_bytes_limits(tmp_path, monkeypatch):
    file = tmp_path / "image.png"
    file.write_bytes(b"x" * 11)
    assert load_bytes(file) == (str(file), b"x" * 11)
    assert load_bytes(b"abc") == ("image of 3 bytes", b"abc")
    monkeypatch.setenv("ALETHEIA_MAX_FILE_BYTES", "10")
    get_settings.cache_clear()
    try:
        with pytest.raises(UnreadableImageError, match="more than the 10 that ALETHEIA_MAX_FILE_BYTES allows"):
            load_bytes(file)
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()


def test_decoder_errors_keep_the_name_and_one_line():
    with pytest.raises(UnreadableImageError) as caught, decoder_errors("face.png"):
        raise SyntaxError("broken\n  chunk")
    assert str(caught.value) == "face.png: is damaged or truncated (broken chunk). Leave it out or replace it."
    assert isinstance(caught.value, InputError)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"just text\n", "is text, not an image"),
        (b"\0\0\0\x18ftypisom" + b"\0" * 20, "is a video, not a picture"),
        (b"\0\0\0\x18ftypcrx " + b"\0" * 20, "a camera's raw file, which is not read"),
        (b"\n\xff\x0a" + b"\0" * 20, "known format"),
        (b"\x80\x81", "known format"),
    ],
)
def test_open_image_says_what_the_bytes_are(data, reason):
    with pytest.raises(UnreadableImageError, match=reason):
        open_image("x", data, None)


def test_open_image_refuses_planar_tiff_of_more_than_8_bits():
    image = Image.fromarray(np.zeros((4, 5, 3), np.uint8))
    planar = tiff_16_bit_planar(np.zeros((3, 4, 5), np.uint16))
    with pytest.raises(UnreadableImageError, match=r"planar.*interleaved channels"):
        open_image("x", planar, None)
    assert open_image("x", encode(image, "TIFF"), None).size == (5, 4)


def tiff_16_bit_planar(planes: np.ndarray) -> bytes:
    """A little-endian TIFF of three channels that are stored one after another, without compression."""
    n, height, width = planes.shape
    size = height * width * 2
    data = 8 + 6  # behind the header and three numbers of bits
    arrays = data + n * size
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, n, 8), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, n, arrays), (277, 3, 1, n), (278, 4, 1, height), (279, 4, n, arrays + 4 * n), (284, 3, 1, 2),
    ]  # fmt: skip
    directory = arrays + 8 * n
    body = struct.pack("<3H", 16, 16, 16) + planes.astype("<u2").tobytes()
    body += struct.pack(f"<{n}I", *(data + i * size for i in range(n))) + struct.pack(f"<{n}I", *[size] * n)
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", directory) + body + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_without_leading_bytes_of_white_space():
    jpeg = encode(np.zeros((4, 4, 3), np.uint8), "JPEG")
    for prefix in (b"\n", b"\r\n\r\n", b"\xef\xbb\xbf ", b"\0" * 8):
        data, (note,) = without_leading_bytes(prefix + jpeg)
        assert data == jpeg
        assert f"{counted(len(prefix), 'byte')} before its beginning" in note
    for untouched in (jpeg, b"", b"\n\n text", b"\n" * 80 + jpeg, b"x" + jpeg):
        assert without_leading_bytes(untouched) == (untouched, ())


@pytest.mark.parametrize(
    ("dtype", "kind", "said"),
    [
        ("<f4", 3, "floating-point values of 32 bits"),
        ("<f8", 3, "floating-point values of 64 bits"),
        ("<u4", 1, "whole numbers of 32 bits"),
    ],
)
def test_read_image_of_a_tiff_of_other_values_names_them(dtype, kind, said):
    """Three channels of floating-point values are whole, and no picture that a viewer shows."""
    pixels = np.zeros((4, 4, 3), dtype).tobytes()
    size = 8 * np.dtype(dtype).itemsize
    tags = [(256, 4), (257, 4), (258, None), (259, 1), (262, 2), (273, 200), (277, 3), (278, 4), (279, len(pixels))]
    tags.append((339, None))
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    for tag, value in tags:
        place = (1, value) if value else (3, 180 if tag == 258 else 188)
        head += struct.pack("<HHII", tag, 3, *place)
    head = head.ljust(180, b"\0") + struct.pack("<4H", size, size, size, 0) + struct.pack("<3H", kind, kind, kind)
    with pytest.raises(UnreadableImageError, match=f"is a TIFF of {said}, which is not read. Save it with 8 or 16"):
        open_image("x", head.ljust(200, b"\0") + pixels, None)
