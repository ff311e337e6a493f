"""Parsing of JSON bodies."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from aletheia.inference.errors import RequestError
from aletheia.serving.uploads import parse_json


@pytest.mark.parametrize("part", [b"[],", b"{},", b"0,", b'"",'])
def test_parse_json_refuses_too_many_values(part):
    content = b'{"inputs": [' + part * 5_000_000 + b"0]}"
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(RequestError, match="base64") as refused:
        parse_json(content)
    assert (refused.value.kind, refused.value.status) == ("too_large", 413)
    assert time.monotonic() - began < 5
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_parse_json_megapixel():
    values = parse_json(b'{"data": [' + b"7," * 2_999_999 + b"7]}")["data"]
    assert len(values) == 3_000_000 and set(values) == {7}
