"""Removal of metadata from a picture's file without touching its coded pixels.

Saving a picture again would remove metadata as well, and with them the traces by which detectors work: the quantisation
of a JPEG, the artefacts of a delivery service, the residue of a generator. So the file is taken apart, what decoding
needs is copied byte by byte, and all else is left out: EXIF with its place, time and camera, XMP, IPTC, comments,
thumbnails, maker notes, content credentials, texts, and whatever stands behind the picture's end.

Kept are the colour profile (its text may name a kind of device), the ratio of a pixel's sides, and the orientation, as
the only entry of a new EXIF block.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from aletheia.core.errors import InputError
from aletheia.imaging.decoding import decoder_errors, open_image
from aletheia.imaging.media_types import image_format
from aletheia.imaging.orientation import orientation_of

#: Formats whose files are taken apart, as `aletheia.imaging.media_types.image_format` names them, and their suffixes.
SUFFIXES = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = (
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI",
    b"pHYs",
)  # fmt: skip
_WEBP_KEPT = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"ANIM", b"ANMF")
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04  # flags of VP8X
_SOI, _EOI, _SOS, _APP0, _APP1, _APP2, _APP14, _COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
_DAMAGED = "The file ends in the middle of its structure, or holds what its format does not allow."


def strip_metadata(data: bytes, *, max_pixels: int | None = None) -> bytes:
    """Return the file of a picture without its metadata; the decoder gets the same coded pixels as before.

    Parameters
    ----------
    data : bytes
        Content of a JPEG, PNG or WebP file.
    max_pixels : int, optional
        Limit of the picture; default: the setting.

    Raises
    ------
    InputError
        When it is another format, too large, or its structure is damaged.
    """
    kind = image_format(data[:400])
    if kind not in SUFFIXES:
        raise InputError("Only JPEG, PNG and WebP files can be freed of their metadata without being saved again.")
    with decoder_errors("The picture"), open_image("The picture", data, max_pixels) as image:
        orientation = orientation_of(image)
    try:
        return {"jpeg": _jpeg, "png": _png, "webp": _webp}[kind](data, orientation)
    except (struct.error, IndexError):
        raise InputError(_DAMAGED) from None


def _exif(orientation: int) -> bytes:
    """Write a TIFF structure with the orientation alone; empty for an upright picture."""
    if orientation == 1:
        return b""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes().removeprefix(b"Exif\0\0")


# ---- JPEG (ITU-T T.81, annex B)


def _jpeg(data: bytes, orientation: int) -> bytes:
    parts = [b"\xff\xd8"]
    exif = _exif(orientation)
    written = not exif
    position = 2
    while True:
        if data[position] != 0xFF:
            raise InputError(_DAMAGED)
        while data[position] == 0xFF:  # fill bytes may stand before a marker
            position += 1
        marker = data[position]
        position += 1
        if marker == _EOI:
            return b"".join([*parts, b"\xff\xd9"])
        if marker in (_SOI, 0x00, 0x01) or 0xD0 <= marker <= 0xD7:
            raise InputError(_DAMAGED)
        (length,) = struct.unpack_from(">H", data, position)
        if length < 2 or position + length > len(data):
            raise InputError(_DAMAGED)
        body = data[position + 2 : position + length]
        position += length
        if not written and marker != _APP0:  # JFIF stands first
            parts.append(_segment(_APP1, b"Exif\0\0" + exif))
            written = True
        kept = _kept_segment(marker, body)
        if kept is not None:
            parts.append(_segment(marker, kept))
        if marker == _SOS:
            end = _end_of_scan(data, position)
            parts.append(data[position:end])
            position = end


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _kept_segment(marker: int, body: bytes) -> bytes | None:
    """Return what is kept of a segment; None for nothing."""
    if marker == _APP0:
        return body[:12] + b"\0\0" if body.startswith(b"JFIF\0") and len(body) >= 14 else None  # without its thumbnail
    if marker == _APP2:
        return body if body.startswith(b"ICC_PROFILE\0") else None
    if marker == _APP14:
        return body[:12] if body.startswith(b"Adobe") else None
    return None if 0xE0 <= marker <= 0xEF or marker == _COM else body


def _end_of_scan(data: bytes, position: int) -> int:
    """Return where the coded data of a scan end: at the first marker that is neither a restart nor a stuffed byte."""
    while True:
        position = data.find(b"\xff", position)
        if position < 0:
            raise InputError(_DAMAGED)
        following = data[position + 1]
        if following == 0x00 or 0xD0 <= following <= 0xD7:
            position += 2
        elif following == 0xFF:
            position += 1
        else:
            return position


# ---- PNG (third edition)


def _png(data: bytes, orientation: int) -> bytes:
    parts, exif = [_PNG_SIGNATURE], _exif(orientation)
    for kind, chunk in _png_chunks(data):
        if kind not in _PNG_KEPT:
            continue
        if kind == b"IDAT" and exif:
            parts.append(_png_chunk(b"eXIf", exif))
            exif = b""
        parts.append(chunk)
    return b"".join(parts)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(_PNG_SIGNATURE)
    while True:
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise InputError(_DAMAGED)
        yield kind, data[position:end]
        if kind == b"IEND":
            return
        position = end


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body))


# ---- WebP (RFC 9649)


def _webp(data: bytes, orientation: int) -> bytes:
    parts, exif = [], _exif(orientation)
    is_extended = False
    for kind, body in _webp_chunks(data):
        if kind not in _WEBP_KEPT:
            continue
        if kind == b"VP8X":
            flags = body[0] & ~(_WEBP_EXIF | _WEBP_XMP) | (_WEBP_EXIF if exif else 0)
            is_extended = True
            parts.append(_webp_chunk(kind, bytes([flags]) + body[1:]))
        else:
            parts.append(_webp_chunk(kind, body))
    if exif and is_extended:
        parts.append(_webp_chunk(b"EXIF", exif))
    content = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    (size,) = struct.unpack_from("<I", data, 4)
    end, position = min(8 + size, len(data)), 12
    while position < end:
        kind, length = struct.unpack_from("<4sI", data, position)
        if position + 8 + length > end:
            raise InputError(_DAMAGED)
        yield kind, data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def _webp_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
