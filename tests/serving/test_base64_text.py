"""Base64 in the forms in which programs send it."""

from __future__ import annotations

import base64

import pytest

from aletheia.serving.base64_text import decode_base64

DATA = bytes(range(256)) * 3


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(DATA).decode(),
        base64.encodebytes(DATA).decode(),  # lines of 76 characters
        base64.encodebytes(DATA).decode().replace("\n", "\r\n"),
        "  " + base64.b64encode(DATA).decode() + "\n",
        "data:image/jpeg;base64," + base64.b64encode(DATA).decode(),
        "\nDATA:image/png;name=a.png;base64,\n" + base64.encodebytes(DATA).decode(),
    ],
)
def test_decode_base64_forms(text):
    assert decode_base64(text) == DATA


@pytest.mark.parametrize("text", ["/etc/passwd", "x!", "data:text/plain,hello", "abc", "file:///etc/passwd", "é" * 4])
def test_decode_base64_refuses_what_is_none(text):
    with pytest.raises(ValueError):
        decode_base64(text)
