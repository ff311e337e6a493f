"""Costs of a picture that its header does not show, counted before it is decoded.

A decoder may take minutes over a small file: a progressive JPEG costs one pass over all pixels for each scan, and a
scan takes ten bytes; a GIF's comment is appended piece by piece to what came before; and whatever is small and comes by
the million takes a decoder's loop a second for each.
"""

from __future__ import annotations

import re
import struct

#: Pieces of a file (segments, chunks, blocks, strips) that a decoder takes half a second for, or less. Encoders write
#: thousands at most.
MAX_PIECES = 100_000
_MAX_COMMENT, _MAX_COMMENT_PIECES = 1 << 20, 10_000  # bytes, and blocks of them, of a GIF

# T.81, annex B: a marker is FF and a byte; in entropy-coded data FF00 is a byte of data, and FFD0 to FFD7 are restarts.
_NEXT_SEGMENT = re.compile(rb"\xff+[^\x00\xff]")
_NEXT_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")
_START_OF_SCAN, _END, _APP1 = 0xDA, 0xD9, 0xE1
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length

# GIF89a, sections 17 to 26.
_EXTENSION, _COMMENT, _IMAGE, _TRAILER = 0x21, 0xFE, 0x2C, 0x3B

# TIFF 6.0, section 2: bytes of a value of each type; offsets and lengths of strips and tiles; BigTIFF.
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_MAX_TAGS = 1 << 26  # bytes
_TIFF_PARTS, _BIG_TIFF = (273, 279, 324, 325), 43


def count_scans(data: bytes) -> int:
    """Count the scans of a JPEG, up to its end: not those of previews inside, nor whatever a phone appends to it."""
    scans, position = 0, 2
    while match := _NEXT_MARKER.search(data, position):
        marker, position = match[1][0], match.end()
        if marker == _END:
            break
        if marker in _ALONE:
            continue
        scans += marker == _START_OF_SCAN
        position += max(int.from_bytes(data[position : position + 2], "big"), 2)
    return scans


def excess(kind: str, data: bytes) -> str:
    """Say what a picture has so much of that reading its header would take seconds; empty for a usual one.

    Parameters
    ----------
    kind : str
        As :func:`aletheia.imaging.media_types.image_format` names it; others than JPEG, PNG, GIF and TIFF are usual.
    """
    count = {"jpeg": _excess_of_jpeg, "png": _excess_of_png, "gif": _excess_of_gif, "tiff": excess_of_tiff}.get(kind)
    return count(data) if count else ""


def _excess_of_jpeg(data: bytes) -> str:
    """Count markers, and the bytes that fill the space between them, before the first scan."""
    position, pieces = 2, 0
    exif: list[bytes] = []  # decoders join its parts
    while match := _NEXT_SEGMENT.search(data, position):
        pieces += 1 + match.start() - position + len(match[0]) - 2
        marker, position = data[match.end() - 1], match.end()
        if pieces > MAX_PIECES:
            return f"has over {MAX_PIECES:,} JPEG segments, or bytes between them"
        if marker in (_START_OF_SCAN, _END):
            break
        if marker not in _ALONE:
            begin, position = position, position + max(int.from_bytes(data[position : position + 2], "big"), 2)
            if marker == _APP1 and data.startswith(b"Exif\0\0", begin + 2):
                exif.append(data[begin + 8 : position])
    return excess_of_tiff(b"".join(exif))


def _excess_of_png(data: bytes) -> str:
    position, pieces = 8, 0
    while position + 8 <= len(data) and data[position + 4 : position + 8] != b"IEND":
        pieces += 1
        if pieces > MAX_PIECES:
            return f"has over {MAX_PIECES:,} PNG chunks"
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return ""


def _excess_of_gif(data: bytes) -> str:
    """Count blocks, comments and stray bytes before the first picture of a GIF."""
    if len(data) < 13:
        return ""
    flags, pieces, comment, comment_pieces = data[10], 0, 0, 0
    position = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    while position + 1 < len(data) and data[position] not in (_IMAGE, _TRAILER):
        pieces += 1
        if data[position] != _EXTENSION:  # decoders skip what they do not know
            position += 1
        else:
            label, position = data[position + 1], position + 2
            comment_pieces += label == _COMMENT
            while position < len(data) and data[position] and pieces <= 4 * MAX_PIECES:
                pieces += 1
                if label == _COMMENT:
                    comment, comment_pieces = comment + data[position], comment_pieces + 1
                    if comment > _MAX_COMMENT or comment_pieces > _MAX_COMMENT_PIECES:
                        break
                position += data[position] + 1
            position += 1
        if comment > _MAX_COMMENT:
            return f"has a comment of over {_MAX_COMMENT:,} bytes"
        if comment_pieces > _MAX_COMMENT_PIECES:
            return f"has comments of over {_MAX_COMMENT_PIECES:,} pieces"
        if pieces > 4 * MAX_PIECES:  # profiles of 100 MB, in blocks of 255 bytes
            return f"has over {4 * MAX_PIECES:,} GIF blocks before its picture"
    return ""


def excess_of_tiff(data: bytes) -> str:
    """Say what the first directory of a TIFF or of EXIF has too much of: each tag is copied, and many may be one."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        is_big = struct.unpack_from(f"{order}H", data, 2)[0] == _BIG_TIFF
        head, entry = ("Q", "HHQQ") if is_big else ("H", "HHII")
        offset = struct.unpack_from(f"{order}{'Q' if is_big else 'I'}", data, 8 if is_big else 4)[0]
        entries = struct.unpack_from(f"{order}{head}", data, offset)[0]
        start, total = offset + struct.calcsize(f"{order}{head}"), 0
        for k in range(min(entries, MAX_PIECES)):
            tag, kind, count, place = struct.unpack_from(
                f"{order}{entry}", data, start + k * struct.calcsize(f"={entry}")
            )
            total += max(min(count * _TIFF_SIZES.get(kind, 0), len(data) - place), 0)
            if tag in _TIFF_PARTS and count > MAX_PIECES:
                return f"has {count:,} TIFF strips or tiles"
    except (struct.error, OverflowError):
        return ""  # the decoder says what is missing
    return "has TIFF tags that are many times longer than the file" if total > max(_MAX_TAGS, 4 * len(data)) else ""
