"""The files of a model are read up to a limit, and only with the stated hash."""

from __future__ import annotations

import hashlib

import pytest

from aletheia.core.errors import InputError
from aletheia.models.model_files import GOLDEN, WEIGHTS, check_hash, check_model_file, read_model_file


def test_read_model_file_from_the_folder_or_beside_another_file(tmp_path):
    (tmp_path / GOLDEN).write_bytes(b"{}")
    stated = hashlib.sha256(b"{}").hexdigest()
    for place in (tmp_path, tmp_path / WEIGHTS):
        assert read_model_file(place, GOLDEN, 2, stated) == (tmp_path / GOLDEN, b"{}")
    with pytest.raises(InputError, match=r"golden\.json"):
        read_model_file(tmp_path, GOLDEN, 1, stated)


def test_check_model_file_names_what_a_model_is(tmp_path):
    with pytest.raises(InputError, match=r"no model\.safetensors in .* a model is the two files"):
        check_model_file(tmp_path / WEIGHTS, 10)
    (tmp_path / WEIGHTS).mkdir()
    with pytest.raises(InputError):
        check_model_file(tmp_path / WEIGHTS, 10)


@pytest.mark.parametrize("stated", ["0" * 64, ""])
def test_check_hash_of_a_replaced_file(tmp_path, stated):
    (tmp_path / WEIGHTS).write_bytes(b"other")
    for content in (None, b"other"):
        with pytest.raises(InputError, match="damaged or was replaced"):
            check_hash(tmp_path / WEIGHTS, stated, content)
    check_hash(tmp_path / WEIGHTS, hashlib.sha256(b"other").hexdigest())
