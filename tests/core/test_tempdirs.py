"""Folders for a while: private, gone with the process, and what a killed process left goes with the next."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from aletheia.core.tempdirs import TemporaryFolder, collect_temporary_files


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def age(folder: Path) -> None:
    hour_ago = time.time() - 3600
    os.utime(folder, (hour_ago, hour_ago))


def test_temporary_folder_private_and_deleted(tmp_path):
    scratch = TemporaryFolder("test")
    (scratch.folder / "below").mkdir()
    (scratch.folder / "below" / "file").write_bytes(b"x")
    assert scratch.folder.parent == tmp_path
    assert scratch.folder.stat().st_mode & 0o077 == 0
    scratch.close()
    assert not scratch.folder.exists()
    scratch.close()


@pytest.mark.parametrize("end", ["pass", "raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)"])
def test_temporary_folder_of_ended_process(tmp_path, end):
    """A killed one leaves its folder, to the next that makes one; a process that lives keeps its own."""
    code = f"from aletheia.core.tempdirs import TemporaryFolder\nscratch = TemporaryFolder('test')\n{end}"
    alive = TemporaryFolder("test")
    subprocess.run([sys.executable, "-c", code], timeout=120)
    left = set(tmp_path.iterdir()) - {alive.folder}
    assert len(left) == ("kill" in end)
    for folder in tmp_path.iterdir():
        age(folder)
    other = TemporaryFolder("test")
    assert set(tmp_path.iterdir()) == {alive.folder, other.folder}
    alive.close()
    other.close()


def test_temporary_folder_leaves_others_alone(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "aletheia-test-link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "aletheia-test-file").write_bytes(b"x")
    for name in ("aletheia-other-x", "aletheia-test-new"):
        (tmp_path / name).mkdir()
    age(tmp_path / "aletheia-other-x")
    age(tmp_path / "elsewhere")
    before = set(tmp_path.iterdir())
    TemporaryFolder("test").close()
    assert set(tmp_path.iterdir()) == before


def test_collect_temporary_files_leaves_none(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(KeyError), collect_temporary_files("test"):
        with tempfile.NamedTemporaryFile(suffix=".json", delete=False) as file:  # as MLRun does
            assert Path(file.name).parent.parent == tmp_path
        assert Path(file.name).exists()
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    assert tempfile.gettempdir() == str(tmp_path)
