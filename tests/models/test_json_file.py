"""A JSON file of a bundle: what fits is read, anything else is named with a remedy."""

from __future__ import annotations

import hashlib

import pytest
from pydantic import BaseModel

from aletheia.core.errors import InputError
from aletheia.models.json_file import read_json_file


class Content(BaseModel):
    number: int


def read(folder, text: bytes) -> Content:
    (folder / "file.json").write_bytes(text)
    return read_json_file(folder, "file.json", 1000, hashlib.sha256(text).hexdigest(), Content)


def test_reads(tmp_path):
    assert read(tmp_path, b'{"number": 3}') == Content(number=3)


@pytest.mark.parametrize(
    ("text", "words"),
    [(b'{"number": "x"}', "number"), (b"{", "not readable JSON"), (b"[1]", "not readable JSON"), (b"[" * 999, "JSON")],
)
def test_refuses(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read(tmp_path, text)
