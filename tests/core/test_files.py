"""Atomic writing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write, file_state, stamped_path


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary files are on a disk without space: the system's own device of that kind."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    really = tempfile.mkstemp

    def without_space(*args, **options) -> tuple[int, str]:
        handle, name = really(*args, **options)
        os.close(handle)
        return os.open("/dev/full", os.O_WRONLY), name

    monkeypatch.setattr("tempfile.mkstemp", without_space)


def test_atomic_write_replaces(tmp_path):
    path = tmp_path / "sub" / "file"
    for content in (b"old", b"new"):
        with atomic_write(path) as file:
            file.write(content)
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_atomic_write_interrupted(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as file:
        file.write(b"half of the ne")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_atomic_write_killed(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    code = (
        "import os, sys\n"
        "from aletheia.core.files import atomic_write\n"
        "with atomic_write(sys.argv[1]) as file:\n"
        "    file.write(b'half of the ne'); file.flush(); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, timeout=60)
    assert done.returncode == -9, done.stderr
    assert path.read_bytes() == b"old"


def test_atomic_write_full_disk(tmp_path, full_disk):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(InputError, match="The disk is full"), atomic_write(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("place", ["file/below", "file/below/below", "folder", "x" * 300])
def test_atomic_write_where_no_file_can_be(tmp_path, place):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    with (
        pytest.raises(InputError, match=r"cannot be written \(.+\); name another place"),
        atomic_write(tmp_path / place),
    ):
        pass
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


def test_file_stamps(tmp_path):
    path = tmp_path / "file"
    assert file_state(path) == stamped_path(str(path)) == stamped_path("nul\0") == ""
    path.write_bytes(b"12345")
    os.utime(path, ns=(0, 7_000_000_001))
    assert file_state(path) == "5 bytes, 7000000001"
    assert stamped_path(str(path)) == f"{path}\0005\0007000000001\0"
