"""Option texts as values."""

from __future__ import annotations

from pathlib import Path

import pytest

from aletheia.cli import options
from aletheia.core.errors import InputError


def test_absolute_leaves_addresses_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert options.absolute("data/manifest.csv") == str(Path(tmp_path, "data", "manifest.csv"))
    assert options.absolute("../x") == str(tmp_path.parent / "x")
    for text in ("", "/tmp/x", "s3://bucket/x", "store://models/p/k:production"):
        assert options.absolute(text) == text


def test_key_values_split_at_the_first_sign():
    assert options.key_values(["a=1", "b=c=d", "e="]) == {"a": "1", "b": "c=d", "e": ""}
    assert options.key_values([]) == {}
    with pytest.raises(InputError, match="'augmentation' is not key=value"):
        options.key_values(["a=1", "augmentation"])


def test_numbers_have_the_requested_type():
    values = options.numbers(" 1,2 ,,3", int, "--sizes")
    assert values == [1, 2, 3]
    assert all(type(value) is int for value in values)
    with pytest.raises(InputError, match=r"--sizes '1\.5'"):
        options.numbers("1.5", int, "--sizes")
