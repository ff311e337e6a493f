"""The quarantine: names of content, its bound, permissions, and what a killed process leaves."""

from __future__ import annotations

import hashlib
import os
import resource
import stat
import time

import pytest

from aletheia.lifecycle.feedback.pictures import PictureStore
from aletheia.lifecycle.feedback.store import StoreFullError


def test_kept_once_under_its_hash(tmp_path):
    store = PictureStore(tmp_path / "made" / "pictures", 100)
    name = store.add(b"x" * 60, ".png")
    assert name == hashlib.sha256(b"x" * 60).hexdigest() + ".png"
    assert store.add(b"x" * 60, ".png") == name  # even where there would be no place for another
    assert store.size() == 60
    with pytest.raises(StoreFullError, match="no place for further pictures"):
        store.add(b"y" * 41, ".jpg")
    store.add(b"y" * 40, ".jpg")
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in store.folder.iterdir()} == {0o600}
    assert store.delete(name)
    assert not store.delete(name)
    assert store.size() == 40


def test_disk_that_takes_no_more(tmp_path):
    """The system itself refuses in the middle of the file: nothing is left, and the next one is kept."""
    store, limits = PictureStore(tmp_path / "pictures"), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            store.add(b"x" * 100_000, ".jpg")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(store.folder.iterdir()) == []
    assert store.find(store.add(b"x" * 100_000, ".jpg"))


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "", "a" * 64 + ".exe", "link"])
def test_names_lead_nowhere_else(tmp_path, name):
    store = PictureStore(tmp_path / "pictures")
    store.add(b"x", ".png")
    (tmp_path / "secret.png").write_bytes(b"")
    assert store.find(name) is None
    assert not store.delete(name)
    with pytest.raises(ValueError, match="no suffix"):
        store.add(b"x", ".php")
    linked = store.folder / ("b" * 64 + ".png")
    linked.symlink_to(tmp_path / "secret.png")
    assert store.find(linked.name) is None


def test_what_a_killed_process_left(tmp_path):
    store = PictureStore(tmp_path)
    kept, orphan, new = (store.add(content, ".jpg") for content in (b"1", b"2", b"3"))
    partial = tmp_path / "tmpabc.partial"
    partial.write_bytes(b"half")
    for path in (tmp_path / kept, tmp_path / orphan, partial):
        os.utime(path, (time.time() - 7200,) * 2)
    assert store.sweep({kept}) == 2
    assert {path.name for path in tmp_path.iterdir()} == {kept, new}
