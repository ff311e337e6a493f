"""Metadata leave the file, coded pixels stay: read by Pillow and by eye for the bytes, not by the code under test."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from aletheia.core.errors import InputError
from aletheia.imaging.metadata_removal import strip_metadata
from aletheia.imaging.reading import read_image

SECRET = b"Margarete"
_XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + SECRET + b"</x:xmpmeta>"


def picture() -> Image.Image:
    rng = np.random.default_rng(0)
    rough = Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8))
    return rough.resize((70, 90), Image.Resampling.BICUBIC)


def exif(orientation: int) -> bytes:
    written = Image.Exif()
    written[0x0112], written[0x010F] = orientation, SECRET.decode()
    written.get_ifd(0x8825)[1] = "N"
    return written.tobytes()


def saved(kind: str, orientation: int = 1, **options) -> bytes:
    buffer = io.BytesIO()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture().save(buffer, kind, exif=exif(orientation), icc_profile=profile, **options)
    return buffer.getvalue()


def png(orientation: int = 1) -> bytes:
    texts = PngInfo()
    texts.add_text("Author", SECRET.decode())
    texts.add_itxt("XML:com.adobe.xmp", _XMP.decode())
    return saved("PNG", orientation, pnginfo=texts, dpi=(144, 72))


FILES = {
    "baseline": saved("JPEG", quality=71, comment=SECRET, xmp=_XMP, dpi=(144, 72)),
    "progressive": saved("JPEG", 6, quality=93, progressive=True, subsampling=0, comment=SECRET),
    "restarts": saved("JPEG", 3, quality=50, restart_marker_rows=1),
    "png": png(),
    "turned png": png(8),
    "webp": saved("WEBP", 6, quality=60, xmp=_XMP),
    "lossless webp": saved("WEBP", 1, lossless=True, xmp=_XMP),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("tail", [b"", SECRET + b"'s second picture"])
def test_only_metadata_leave(name, tail):
    data = FILES[name] + tail
    assert SECRET in data
    stripped = strip_metadata(data)
    assert SECRET not in stripped
    assert np.array_equal(read_image(stripped), read_image(FILES[name]))  # turned upright, squared, colours converted
    with Image.open(io.BytesIO(stripped)) as after, Image.open(io.BytesIO(FILES[name])) as before:
        assert set(dict(after.getexif())) <= {0x0112}
        assert after.getexif().get(0x0112, 1) == before.getexif()[0x0112]
        assert after.info["icc_profile"] == before.info["icc_profile"]
        assert after.info.get("dpi") == before.info.get("dpi")
        assert getattr(after, "quantization", None) == getattr(before, "quantization", None)
        assert "xmp" not in after.info
        assert "comment" not in after.info
    assert strip_metadata(stripped) == stripped


def coded_jpeg(data: bytes) -> bytes:
    return data[data.index(b"\xff\xda") :]


@pytest.mark.parametrize("name", ["baseline", "progressive", "restarts"])
def test_coded_data_are_the_same_bytes(name):
    """Not only the decoded pixels: a detector may read the coefficients."""
    assert coded_jpeg(strip_metadata(FILES[name])) == coded_jpeg(FILES[name])


def test_segments_that_hide_things():
    """A JFIF thumbnail, Photoshop's IPTC, content credentials (APP11) and an index of further pictures (APP2, MPF)."""
    data = FILES["baseline"]
    hidden = b"".join(
        struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
        for marker, body in [(0xED, b"Photoshop 3.0\0" + SECRET), (0xEB, b"JP" + SECRET), (0xE2, b"MPF\0" + SECRET)]
    )
    stripped = strip_metadata(data[:2] + hidden + data[2:])
    assert SECRET not in stripped
    jfif = struct.pack(">BBH5sHBHHBB3s", 0xFF, 0xE0, 19, b"JFIF\0", 0x0102, 1, 72, 72, 1, 1, b"THU")
    assert b"THU" not in strip_metadata(data[:2] + jfif + data[2:])


def test_unknown_png_chunk():
    data = FILES["png"]
    chunk = struct.pack(">I4s", len(SECRET), b"prVt") + SECRET + struct.pack(">I", zlib.crc32(b"prVt" + SECRET))
    assert SECRET not in strip_metadata(data[:33] + chunk + data[33:])


@pytest.mark.parametrize("name", FILES)
def test_truncated_and_garbled(name):
    """Whatever is wrong with a file is an InputError, or it is stripped all the same; nothing hangs."""
    data, rng = FILES[name], np.random.default_rng(1)
    broken = [data[: len(data) * k // 40] for k in range(40)]
    for _ in range(100):
        garbled = bytearray(data)
        for place in rng.integers(0, len(garbled), 4):
            garbled[place] = rng.integers(0, 256)
        broken.append(bytes(garbled))
    refused = 0
    for content in broken:
        try:
            assert len(strip_metadata(content)) <= len(content) + 256
        except InputError:
            refused += 1
    assert refused >= 20


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "GIF"])
def test_other_formats(kind):
    buffer = io.BytesIO()
    picture().save(buffer, kind)
    with pytest.raises(InputError, match="Only JPEG, PNG and WebP files can be freed of their metadata"):
        strip_metadata(buffer.getvalue())
