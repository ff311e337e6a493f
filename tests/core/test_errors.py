"""Knowing a full disk by what an error says."""

from __future__ import annotations

import os
import sqlite3

import pytest

from aletheia.core.errors import tells_of_full_disk


def test_the_system_says_so():
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    with pytest.raises(OSError) as caught, open("/dev/full", "wb", buffering=0) as file:
        file.write(b"x")
    assert tells_of_full_disk(str(caught.value))


def test_sqlite_says_so(tmp_path):
    database = sqlite3.connect(tmp_path / "small.db")
    database.execute("CREATE TABLE t (content BLOB)")
    database.execute("PRAGMA max_page_count = 4")
    with pytest.raises(sqlite3.OperationalError) as caught:
        database.execute("INSERT INTO t VALUES (zeroblob(100000))")
    assert tells_of_full_disk(str(caught.value))


def test_other_errors_are_others():
    assert not tells_of_full_disk("ValueError: a full house")
