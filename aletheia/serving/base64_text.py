"""Base64 as programs send it: with line breaks, or as a data: URL."""

from __future__ import annotations

import base64
import re

_BLANK = re.compile(r"\s+")
_DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)


def decode_base64(text: str) -> bytes:
    """Decode base64 text (RFC 4648, section 4), also with white space in it, or within a data: URL (RFC 2397).

    It is never taken for a path or an address.

    Raises
    ------
    ValueError
        When it is something else.
    """
    text = text.lstrip()
    if head := _DATA_URL.match(text):
        text = text[head.end() :]
    return base64.b64decode(_BLANK.sub("", text), validate=True)
