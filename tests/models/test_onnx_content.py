"""What an ONNX file must not hold, byte by byte; whole networks are in test_onnx.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.models.onnx_content import check_self_contained

_STANDARD = b"\x42\x02\x10\x0d"  # field 8 (opset_import), two bytes: its field 2 (version) is 13


@pytest.mark.parametrize("content", [b"", _STANDARD, b"\x08\x0a" + _STANDARD])
def test_standard_content_passes(content):
    check_self_contained(content, Path("model.onnx"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x42\x05\x0a\x03a.b", "outside of the ONNX standard"),  # the domain a.b
        (b"\xca\x01\x00", "outside of the ONNX standard"),  # field 25, a function
        (b"\x0a\x08location", "refers to other files"),
        (b"\x42\x05\x0a", "no intact ONNX file"),  # cut off
        (b"\xff" * 20, "no intact ONNX file"),
        (b"\x0b", "no intact ONNX file"),  # a kind of field that there is not
    ],
)
def test_other_content_is_refused(content, message):
    with pytest.raises(InputError, match=f"model.onnx .*{message}"):
        check_self_contained(content, Path("model.onnx"))
