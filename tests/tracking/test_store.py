"""The database file."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.tracking import store as store_module
from aletheia.tracking.resources.model_versions import listing
from aletheia.tracking.store import APPLICATION_ID, SCHEMA_VERSION, Store

INSERT = "INSERT INTO tasks (name, project, kind, created) VALUES (?, 'p', 'k', 0)"


def count(store: Store) -> int:
    with store.read() as connection:
        return connection.execute("SELECT COUNT(*) FROM tasks").fetchone()[0]


def test_write_rolls_back_on_errors(tmp_path: Path) -> None:
    store = Store(tmp_path / "tracking.db")
    with pytest.raises(RuntimeError), store.write() as connection:
        connection.execute("INSERT INTO tasks (name, project, kind, created) VALUES ('a', 'p', 'k', 0)")
        raise RuntimeError("in the middle")
    with store.read() as connection:
        assert connection.execute("SELECT COUNT(*) FROM tasks").fetchone()[0] == 0


def test_write_is_seen_by_other_threads(tmp_path: Path) -> None:
    store = Store(tmp_path / "tracking.db")

    def insert(index: int) -> None:
        with store.write() as connection:
            connection.execute(INSERT, (str(index),))

    threads = [threading.Thread(target=insert, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(store) == 8


def test_read_is_one_snapshot(tmp_path: Path) -> None:
    reader, writer = Store(tmp_path / "tracking.db"), Store(tmp_path / "tracking.db")
    query = "SELECT COUNT(*) FROM tasks"
    with reader.read() as connection:
        before = connection.execute(query).fetchone()[0]
        with writer.write() as other:
            other.execute(INSERT, ("a",))
        assert connection.execute(query).fetchone()[0] == before == 0
    assert count(reader) == 1


def test_store_marks_its_file(tmp_path: Path) -> None:
    path = tmp_path / "tracking.db"
    store = Store(path)
    assert path.stat().st_mode & 0o077 == 0
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        assert connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert store.integrity() == "ok"


def test_store_refuses_files_of_other_programs(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE t (a)")
    with pytest.raises(InputError, match="another program"):
        Store(tmp_path / "other.db")


def test_store_brings_an_older_schema_up_to_date(tmp_path: Path) -> None:
    """A database of schema 1, with a model in production: nothing is lost, and production is known."""
    path = tmp_path / "tracking.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            f"{store_module._SCHEMA} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version=1;"
            "INSERT INTO artifacts (id, project, key, uid, iteration, tree, kind, producer_uri, parent_uri,"
            " best_iteration, created, updated, labels, body)"
            " VALUES (1, 'p', 'm', 'u', 0, 't', 'model', '', '', 1, 1, 2, '[]', '{}');"
            "INSERT INTO artifact_tags VALUES (1, 'production'), (1, 'latest');"
        )
    for _ in range(2):  # the second finds it up to date
        assert listing(Store(path), "p", "m")["production"] == [
            {"uid": "u", "version": "", "moment": "1970-01-01T00:00:02+00:00"}
        ]


def test_store_refuses_newer_schemas(tmp_path: Path) -> None:
    Store(tmp_path / "tracking.db")
    with sqlite3.connect(tmp_path / "tracking.db") as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(InputError, match="newer"):
        Store(tmp_path / "tracking.db")


def test_checkpoint_empties_the_log(tmp_path: Path) -> None:
    store = Store(tmp_path / "tracking.db")
    with store.write() as connection:
        connection.execute(INSERT, ("a",))
    log = tmp_path / "tracking.db-wal"
    assert log.stat().st_size > 0
    store.checkpoint()
    assert log.stat().st_size == 0


def test_max_pages_limits_the_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "tracking.db", max_pages=60)
    with pytest.raises(sqlite3.OperationalError, match="full"), store.write() as connection:
        for index in range(1000):
            connection.execute(INSERT, (str(index) + "x" * 4000,))
    assert count(store) == 0
