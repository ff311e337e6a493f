"""Costs of a picture that its header does not show, counted before it is decoded.

A decoder may take minutes over a small file: a progressive JPEG costs one pass over all pixels for each scan, and a
scan takes ten bytes; a GIF's comment is appended piece by piece to what came before.
"""

from __future__ import annotations

import re

# T.81, annex B: a marker is FF and a byte; in entropy-coded data FF00 is a byte of data, and FFD0 to FFD7 are restarts.
_NEXT_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")
_START_OF_SCAN, _END = 0xDA, 0xD9
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length

# GIF89a, sections 17 to 26.
_EXTENSION, _COMMENT = 0x21, 0xFE


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


def gif_comment_bytes(data: bytes) -> int:
    """Sum up the bytes of the comments before the first picture of a GIF."""
    if len(data) < 13:
        return 0
    flags, total = data[10], 0
    position = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    while position + 1 < len(data) and data[position] == _EXTENSION:
        label, position = data[position + 1], position + 2
        while position < len(data) and data[position]:
            total += data[position] if label == _COMMENT else 0
            position += data[position] + 1
        position += 1
    return total
