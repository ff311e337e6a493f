"""Builders of files, byte by byte: pictures of any claimed size, metadata of any content, boxes of any length."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image


def encoded(rgb: np.ndarray, kind: str = "JPEG", **options) -> bytes:
    """Encode a picture; `rgb` may have any shape and type that Pillow takes."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, kind, **options)
    return buffer.getvalue()


def with_external_data(video: bytes) -> bytes:
    """Make an MP4 that names another file of the server as the place of its data."""
    place = video.index(b"dref")
    inside = struct.pack(">II", 0, 1) + box(b"url ", b"\0\0\0\0file:///etc/passwd\0")
    size = struct.unpack(">I", video[place - 4 : place])[0]
    # The boxes around it keep their sizes, which are now wrong.
    return video[: place + 4] + inside + video[place - 4 + size :]


def deflated_zeros(count: int) -> bytes:
    """Compress so many zeros, to a thousandth of their size."""
    stream = zlib.compressobj(9)
    parts = [stream.compress(bytes(min(1 << 20, count - start))) for start in range(0, count, 1 << 20)]
    return b"".join(parts) + stream.flush()


def png(width: int, height: int, data: bytes | None = None, before: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """Make a black PNG with this size in its header, chunks before the data, and other data if given."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    if data is None:
        data = deflated_zeros(height * (1 + 3 * width))
    chunks = [(b"IHDR", header), *before, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in chunks)


def png16(rgb: np.ndarray) -> bytes:
    """Make a PNG of 16 bits a channel, which Pillow does not write; `rgb` is (H, W, 3) uint16."""
    height, width = rgb.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rgb)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in chunks)


def gif(width: int, height: int) -> bytes:
    """Make a GIF of one small picture on a screen of this size."""
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    picture = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\2\2\x4c\1\0"
    return b"GIF89a" + screen + picture + b";"


def bmp(width: int, height: int) -> bytes:
    """Make a BMP that claims this size and has a few bytes."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 2835, 2835, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + 99, 0, 0, 54) + header + bytes(99)


def tiff(width: int, height: int, *, next_directory: int = 0, strip_bytes: int = 64 * 64) -> bytes:
    """Make a grey TIFF of one strip."""
    entries = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 200), (277, 3, 1)]
    entries += [(278, 4, height), (279, 4, strip_bytes)]
    directory = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        directory += struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", value)
    head = struct.pack("<2sHI", b"II", 42, 8) + directory + struct.pack("<I", next_directory)
    return head.ljust(200, b"\0") + bytes(64 * 64)


def exif(entries: list[tuple[int, int, int, bytes]]) -> bytes:
    """Make an EXIF block (big-endian) of entries: tag, type, count, value; long values follow the directory."""
    offset = 8 + 2 + 12 * len(entries) + 4
    directory, values = struct.pack(">H", len(entries)), b""
    for tag, kind, count, value in entries:
        if len(value) > 4:
            place = struct.pack(">I", offset + len(values))
            values += value
        else:
            place = value.ljust(4, b"\0")
        directory += struct.pack(">HHI", tag, kind, count) + place
    return b"MM\0*\0\0\0\x08" + directory + b"\0\0\0\0" + values


def with_exif(jpeg: bytes, block: bytes) -> bytes:
    """Insert an EXIF block into a JPEG."""
    return jpeg[:2] + segment(0xE1, b"Exif\0\0" + block) + jpeg[2:]


def with_adobe_marker(jpeg: bytes) -> bytes:
    """Insert a marker of Adobe, which means that the four inks are inverted."""
    return jpeg[:2] + segment(0xEE, b"Adobe\0\x64\0\0\0\0\2") + jpeg[2:]


def with_jpeg_size(jpeg: bytes, width: int, height: int) -> bytes:
    """Change the size in the header of a baseline JPEG."""
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + struct.pack(">HH", height, width) + jpeg[place + 4 :]


def segment(marker: int, content: bytes) -> bytes:
    """Make a segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def chunk(kind: bytes, content: bytes) -> bytes:
    """Make a chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def box(kind: bytes, content: bytes) -> bytes:
    """Make a box of an MP4."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def flipped(data: bytes, place: int) -> bytes:
    """Invert the bits of one byte of a file."""
    changed = bytearray(data)
    changed[place] ^= 0xFF
    return bytes(changed)


def wave() -> bytes:
    """Make a WAV file of a second of silence."""
    sound = bytes(8000)
    header = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(sound), b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8)
    return header + struct.pack("<4sI", b"data", len(sound)) + sound
