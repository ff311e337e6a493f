"""Weights files of unknown origin."""

from __future__ import annotations

import io
import json
import os
import pickle
import time
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from aletheia.core.errors import InputError
from aletheia.models import state_dict
from aletheia.models.inspect import inspect_model
from aletheia.models.state_dict import check_header, read_archive, read_state


@pytest.fixture
def state():
    return {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.zeros(2, dtype=torch.int64)}


@pytest.mark.parametrize("name", ["a.pth", "a.ckpt", "a.safetensors"])
def test_read_state_round_trip(tmp_path, state, name):
    path = tmp_path / name
    save_file(state, path) if name.endswith("safetensors") else torch.save({"state_dict": state, "epoch": 3}, path)
    torch.testing.assert_close(read_state(path), state)


class _Bomb:
    def __reduce__(self):
        return (print, ("unpickled",))


def test_read_archive_unpickles_no_objects(tmp_path, capsys):
    path = tmp_path / "bomb.pth"
    torch.save({"state_dict": {"weight": _Bomb()}}, path)
    with pytest.raises(InputError, match="objects other than tensors"):
        read_archive(path)
    path.write_bytes(pickle.dumps(_Bomb(), protocol=2))
    with pytest.raises(InputError, match="no archive"):
        read_archive(path)
    assert "unpickled" not in capsys.readouterr().out


def test_read_archive_compressed(tmp_path, state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    path = tmp_path / "small.pth"
    with zipfile.ZipFile(buffer) as plain, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for member in plain.infolist():
            packed.writestr(member.filename, plain.read(member))
    with pytest.raises(InputError, match="compressed"):
        read_archive(path)


def test_read_archive_limits(tmp_path, state, monkeypatch):
    path = tmp_path / "a.pth"
    torch.save(state, path)
    monkeypatch.setattr(state_dict, "MAX_MEMBERS", 2)
    with pytest.raises(InputError, match="members"):
        read_archive(path)
    with pytest.raises(InputError, match="at most 10 are read"):
        state_dict.check_file(path, 10)
    os.mkfifo(tmp_path / "pipe.pth")
    for name, match in (("pipe.pth", "regular"), ("missing.pth", "no file"), ("a\0b.pth", "no file")):
        with pytest.raises(InputError, match=match):
            read_state(tmp_path / name)


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_read_state_truncated(tmp_path, state, suffix):
    path = tmp_path / f"a.{suffix}"
    save_file(state, path) if suffix == "safetensors" else torch.save(state, path)
    content = path.read_bytes()
    for length in range(0, len(content) - 1, max(1, len(content) // 60)):
        path.write_bytes(content[:length])
        with pytest.raises(InputError):
            read_state(path)


@pytest.mark.parametrize("content", [[1, 2], {"weight": 3}, {1: torch.zeros(1)}, torch.zeros(3)])
def test_read_state_other_content(tmp_path, content):
    path = tmp_path / "a.pth"
    torch.save(content, path)
    with pytest.raises(InputError, match="no state dict"):
        read_state(path)


def many_tensors(number: int) -> bytes:
    """A safetensors file of empty tensors."""
    header = json.dumps({f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(number)})
    return len(header).to_bytes(8, "little") + header.encode()


def test_check_header_of_too_many_tensors(tmp_path):
    """700,000 tensors take the library a minute and 1.5 GB; each of the readers refuses before."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(many_tensors(90_000))
    began = time.process_time()
    for read in (check_header, read_state, inspect_model):
        with pytest.raises(InputError, match="bytes; at most 4,000,000 are read"):
            read(path)
    assert time.process_time() - began < 1
    path.write_bytes(many_tensors(2000))
    assert len(read_state(path)) == 2000


def test_read_archive_long_table_of_contents(tmp_path):
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + b"N0" * 10_100_000 + b"N.")
        archive.writestr("a/version", b"3")
    with pytest.raises(InputError, match="table of contents"):
        read_archive(path)
