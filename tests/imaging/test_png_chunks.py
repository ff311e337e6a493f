"""Metadata of PNG files before and behind the pixels."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from aletheia.imaging.png_chunks import read_chunks

from .picture_files import encode, exif_orientation, insert_png_chunk, png_chunk, xmp_orientation

PLAIN = encode(np.zeros((8, 8, 3), np.uint8), "PNG")
EXIF = exif_orientation(6)


def raw_profile(name: str, content: bytes) -> bytes:
    """A profile as ImageMagick writes it: name, length, and lines of hexadecimal digits."""
    digits = content.hex()
    lines = [digits[i : i + 72] for i in range(0, len(digits), 72)]
    return f"\n{name}\n{len(content):8}\n".encode() + "\n".join(lines).encode() + b"\n"


@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
@pytest.mark.parametrize(
    ("kind", "body", "field", "content"),
    [
        (b"eXIf", EXIF.removeprefix(b"Exif\0\0"), "exif", EXIF.removeprefix(b"Exif\0\0")),
        (b"cICP", bytes([9, 16, 0, 1]), "cicp", bytes([9, 16, 0, 1])),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp_orientation(6), "xmp", xmp_orientation(6)),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp_orientation(6)), "xmp", xmp_orientation(6)),
        (b"tEXt", b"Raw profile type exif\0" + raw_profile("exif", EXIF), "exif", EXIF.removeprefix(b"Exif\0\0")),
        (
            b"zTXt",
            b"Raw profile type APP1\0\0" + zlib.compress(raw_profile("app1", EXIF)),
            "exif",
            EXIF.removeprefix(b"Exif\0\0"),
        ),
        (b"tEXt", b"Raw profile type xmp\0" + raw_profile("xmp", xmp_orientation(3)), "xmp", xmp_orientation(3)),
    ],
)
def test_read_chunks_finds_metadata_anywhere(before, kind, body, field, content):
    assert read_chunks(insert_png_chunk(PLAIN, png_chunk(kind, body), before)) == {field: content}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"zTXt", b"Raw profile type exif\0\0no zlib"),
        (b"tEXt", b"Raw profile type exif\0\nexif\n 4\nzz"),
        (b"iTXt", b"XML:com.adobe.xmp\0\1"),
        (b"cICP", b"\1"),
        (b"tEXt", b"Comment\0hello"),
    ],
)
def test_read_chunks_leaves_damage_out(kind, body):
    assert read_chunks(insert_png_chunk(PLAIN, png_chunk(kind, body), b"IEND")) == {}


def test_read_chunks_unpacks_no_bomb():
    bomb = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(64 << 20))
    assert len(read_chunks(insert_png_chunk(PLAIN, png_chunk(b"iTXt", bomb), b"IEND"))["xmp"]) == 1 << 20
    for cut in range(len(PLAIN)):
        assert read_chunks(PLAIN[:cut]) == {}
