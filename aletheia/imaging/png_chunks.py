"""Metadata of a PNG file, wherever in the file it stands."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_SIGNATURE = 8
_MAX_CHUNKS = 200_000  # encoders write one for every 8 kB or more of pixels
_MAX_TEXT = 1 << 20  # bytes of a text when unpacked
_XMP = b"XML:com.adobe.xmp"


def read_chunks(data: bytes) -> dict[str, bytes]:
    """Read EXIF, XMP and coded colour space from the chunks before and behind the pixels.

    EXIF may stand in the chunk ``eXIf`` (PNG specification, third edition, 11.3.4.4) or, as ImageMagick wrote it for
    years, as hexadecimal text under ``Raw profile type exif``, ``APP1`` or ``xmp``.

    Parameters
    ----------
    data
        Content of the file.

    Returns
    -------
    dict
        Some of ``exif`` (a TIFF structure), ``xmp`` (XML) and ``cicp`` (four bytes); what is damaged is left out.
    """
    found: dict[str, bytes] = {}
    for kind, body in _chunks(data):
        if kind == b"eXIf":
            found["exif"] = body
        elif kind == b"cICP" and len(body) == 4:
            found["cicp"] = body
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            _read_text(kind, body, found)
    return found


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Walk over the chunks; the bodies of those with pixels are not copied."""
    position = _SIGNATURE
    for _ in range(_MAX_CHUNKS):
        if position + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"IEND":
            return
        yield kind, b"" if kind == b"IDAT" else data[position + 8 : position + 8 + length]
        position += 12 + length


def _read_text(kind: bytes, body: bytes, found: dict[str, bytes]) -> None:
    keyword, _, rest = body.partition(b"\0")
    if keyword != _XMP and not keyword.startswith(b"Raw profile type "):
        return
    try:
        text = _unpack(kind, rest)
    except (zlib.error, IndexError):
        return
    if keyword == _XMP:
        found.setdefault("xmp", text)
        return
    # A line with the profile's name, one with its length, then the bytes as hexadecimal digits.
    try:
        profile = bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii"))
    except (ValueError, UnicodeDecodeError):
        return
    if keyword.endswith(b" xmp") or profile.startswith(b"http://ns.adobe.com/xap/"):
        found.setdefault("xmp", profile)
    elif keyword.endswith((b" exif", b" APP1")):
        found.setdefault("exif", profile.removeprefix(b"Exif\0\0"))


def _unpack(kind: bytes, rest: bytes) -> bytes:
    """Return the text behind the keyword of a chunk."""
    is_packed = kind == b"zTXt"
    if kind == b"iTXt":  # flag, method, language, translated keyword, text
        is_packed = rest[0] == 1
        rest = rest[2:].split(b"\0", 2)[2]
    elif is_packed:
        rest = rest[1:]
    return zlib.decompressobj().decompress(rest, _MAX_TEXT) if is_packed else rest[:_MAX_TEXT]
