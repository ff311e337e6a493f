"""The tree of errors, and messages of a full disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from aletheia.core.errors import is_disk_full_message


def test_is_disk_full_message_oserror():
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with pytest.raises(OSError) as caught, Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")
    assert is_disk_full_message(str(caught.value))


def test_is_disk_full_message_sqlite(tmp_path):
    database = sqlite3.connect(tmp_path / "small.db")
    database.execute("CREATE TABLE t (content BLOB)")
    database.execute("PRAGMA max_page_count = 4")
    with pytest.raises(sqlite3.OperationalError) as caught:
        database.execute("INSERT INTO t VALUES (zeroblob(100000))")
    assert is_disk_full_message(str(caught.value))


def test_is_disk_full_message_other_errors():
    assert not is_disk_full_message("ValueError: a full house")
