"""Folders that may be read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aletheia.tracking import folders


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "artifacts").mkdir(parents=True)
    return tmp_path / "home"


def test_allow_is_kept_in_a_file_of_the_user(home: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for _ in range(2):
        folders.allow(home, tmp_path / "more")
    folders.allow(home, tmp_path / "more" / "below")  # allowed already
    assert folders.allowed(home) == [home / "artifacts", tmp_path / "more"]
    assert json.loads((home / folders.FILE).read_text()) == [str(tmp_path / "more")]
    assert (home / folders.FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("everything", ["/", Path.home()])
def test_allow_refuses_everything(home: Path, everything) -> None:
    with pytest.raises(ValueError, match="too much"):
        folders.allow(home, everything)


@pytest.mark.parametrize("content", ["", "{", "{}", "5", "[1, null]"])
def test_allowed_survives_a_damaged_file(home: Path, tmp_path: Path, content: str) -> None:
    (home / folders.FILE).write_text(content)
    assert folders.allowed(home) == [home / "artifacts"]
    folders.allow(home, tmp_path / "more")
    assert tmp_path / "more" in folders.allowed(home)


def test_resolve_follows_links_first(home: Path, tmp_path: Path) -> None:
    root = folders.artifact_root(home)
    (root / "file").write_text("")
    (root / "inside").symlink_to(root / "file")
    (root / "outside").symlink_to(tmp_path)
    assert folders.resolve(home, str(root / "file")) == root / "file"
    assert folders.resolve(home, f"file://{root}/inside") == root / "file"
    assert folders.resolve(home, f"{root}/missing") == root / "missing"
    for path in ("file", "", f"{root}/outside", f"{root}/../x", f"{root}/.env", f"{root}/.git/config", f"{root}\0"):
        assert folders.resolve(home, path) is None


def test_open_file_only_regular_ones(home: Path) -> None:
    root = folders.artifact_root(home)
    (root / "file").write_bytes(b"content")
    with folders.open_file(root / "file") as descriptor:
        assert os.read(descriptor, 99) == b"content"
    with pytest.raises(OSError):
        os.fstat(descriptor)  # closed
    os.mkfifo(root / "pipe")
    (root / "link").symlink_to(root / "file")
    for name in ("pipe", ".", "link"):
        with pytest.raises(OSError), folders.open_file(root / name):
            pass
