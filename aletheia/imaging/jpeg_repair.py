"""JPEG files that end early, though nearly all of the picture is there."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image, JpegImagePlugin

from aletheia.core.arrays import Array

#: Share of a picture that may be missing at its end. More is a truncated file, which is refused.
MAX_MISSING = 0.05
_END = b"\xff\xd9"
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a body
_FRAMES = frozenset((0xC0, 0xC1, 0xC2, 0xC9, 0xCA))


def complete(data: bytes) -> tuple[bytes, float] | None:
    """Complete a JPEG whose end is missing.

    Where pixels are missing libjpeg goes on with the last value. To find out which these are, the file is decoded with
    two different continuations: the pixels that agree are those of the file. For a progressive file that holds only
    when every scan has begun; else pixels of full extent but without detail would pass for a picture.

    Parameters
    ----------
    data
        Content of the file.

    Returns
    -------
    tuple or None
        The file with an end, and the share of the picture, 0 to `MAX_MISSING`, that is missing; None when more is.
    """
    if not _has_every_scan(data):
        return None
    body = data[:-1] if data.endswith(b"\xff") else data
    completed = body + _END
    # 0x55 is no marker and, read as Huffman codes, a picture unlike the last value.
    other = body + b"\x55" * max(1 << 16, len(data) // 4) + _END
    missing = _share_behind_first_difference(_decode(completed), _decode(other))
    return (completed, missing) if missing <= MAX_MISSING else None


def _decode(data: bytes) -> Image.Image:
    """Decode in grey, at half size where it is large."""
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    image.draft("L", (image.width // 2, image.height // 2) if image.width * image.height > 1 << 20 else image.size)
    image.load()
    return image.convert("L")


def _share_behind_first_difference(first: Image.Image, second: Image.Image) -> float:
    a, b = np.asarray(first), np.asarray(second)
    rows = np.flatnonzero((a != b).any(axis=1))
    if not rows.size:
        return 0.0
    height, width = a.shape
    top = int(rows[0])
    band = slice(top, min(top + 16, height))  # blocks are written in bands of 8 or 16 rows
    columns: Array = np.flatnonzero((a[band] != b[band]).any(axis=0))
    kept = int(columns[0]) * (band.stop - top)
    return ((height - top) * width - kept) / (height * width)


def _has_every_scan(data: bytes) -> bool:
    """Tell whether scans for all coefficients of all components, to their last bit, have begun."""
    components: set[int] = set()
    done: dict[int, set[int]] = {}
    position = 2
    while (position := data.find(b"\xff", position)) >= 0 and position + 4 <= len(data):
        marker = data[position + 1]
        if marker in (0x00, 0xFF) or marker in _STANDALONE:
            position += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        body = data[position + 4 : position + 2 + length]
        if marker in _FRAMES and len(body) >= 6:
            components = set(body[6::3][: body[5]])
        elif marker == 0xDA and len(body) >= 4:
            _note_scan(body, done)
        position += 2 + max(length, 2)
    return bool(components) and all(len(done.get(component, ())) == 64 for component in components)


def _note_scan(body: bytes, done: dict[int, set[int]]) -> None:
    n = body[0]
    first, last, bits = body[-3:]
    if bits & 0x0F == 0:  # to the last bit
        for component in body[1 : 1 + 2 * n : 2]:
            done.setdefault(component, set()).update(range(first, min(last, 63) + 1))
