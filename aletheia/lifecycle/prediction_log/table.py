"""The prediction log's file: one table of SQLite, bounded in size, that several services may write and anybody reads.

SQLite's write-ahead log (https://sqlite.org/wal.html) lets readers and one writer work side by side, and a process that
is killed loses nothing that it has committed.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
import typing
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from aletheia.core.errors import InputError
from aletheia.lifecycle.prediction_log.entry import LogEntry, ShadowScore
from aletheia.lifecycle.prediction_log.place import MAX_BYTES

_TYPES = {float: "REAL", int: "INTEGER", str: "TEXT", bytes: "BLOB"}
_BUSY_SECONDS = 5.0  # for which a writer waits until another has finished
_FREED_SHARE = 0.1  # of the rows, when the file is full
_VERSION = 2  # of the table's columns; a log of an earlier one gets those that it lacks when it is written to
_DEFAULTS = {"TEXT": "''", "INTEGER": "0"}  # of those columns in rows that are there already; others: unknown


def _columns() -> dict[str, str]:
    hints = typing.get_type_hints(LogEntry)
    return {
        name: _TYPES[next(part for part in (*typing.get_args(hint), hint) if part in _TYPES)]
        for name, hint in hints.items()
    }


COLUMNS = _columns()
_CREATE = f"CREATE TABLE IF NOT EXISTS answers ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})"
_CREATE_LOSSES = "CREATE TABLE IF NOT EXISTS losses (time REAL, rows INTEGER)"
_INSERT = f"INSERT INTO answers ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_NOTE = "UPDATE answers SET other_verdict = ?3, other_probability = ?4 WHERE time = ?1 AND id = ?2"


class PredictionTable:
    """The open file, for one thread.

    Parameters
    ----------
    path : path
        Made with its folder if it is missing, readable by its owner alone.
    max_bytes : int
        When the file is larger, the oldest tenth of its rows is deleted; SQLite uses their space again.

    Raises
    ------
    sqlite3.Error, OSError
        As SQLite and the system raise them.
    InputError
        When the file was written by another version of this project.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(f"PRAGMA journal_size_limit = {max(max_bytes // 10, 100_000)}")
            with self._transaction() as run:
                _check_version(self._connection, path)
                run(_CREATE)
                for name in set(COLUMNS) - _present_columns(self._connection):
                    run(f"ALTER TABLE answers ADD COLUMN {name} {COLUMNS[name]} DEFAULT {_default(name)}")
                run(_CREATE_LOSSES)
                run("CREATE INDEX IF NOT EXISTS by_time ON answers (time)")
                run("CREATE INDEX IF NOT EXISTS by_id ON answers (id)")
                run(f"PRAGMA user_version = {_VERSION}")
        except BaseException:
            self._connection.close()
            raise

    def append(self, entries: Sequence[LogEntry | ShadowScore], lost: int = 0) -> None:
        """Write rows, and notes to rows, in one transaction, and make room when the file is full.

        Parameters
        ----------
        entries : sequence of LogEntry or ShadowScore
            A note to a row that is not there is nothing.
        lost : int
            Rows that could not be written before these: their number is kept with the time.
        """
        with self._transaction() as run:
            self._connection.executemany(_INSERT, [entry for entry in entries if not isinstance(entry, ShadowScore)])
            self._connection.executemany(_NOTE, [entry for entry in entries if isinstance(entry, ShadowScore)])
            if lost:
                run("INSERT INTO losses VALUES (?, ?)", (time.time(), lost))
        while self._used_bytes() > self.max_bytes:
            with self._transaction() as run:
                (rows,) = run("SELECT count(*) FROM answers").fetchone()
                if rows <= 1:
                    break
                oldest = "SELECT rowid FROM answers ORDER BY time LIMIT ?"
                run(f"DELETE FROM answers WHERE rowid IN ({oldest})", (max(int(rows * _FREED_SHARE), 1),))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _used_bytes(self) -> int:
        names = ("page_count", "freelist_count", "page_size")
        pages, free, size = (int(self._connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in names)
        return (pages - free) * size

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[typing.Callable[..., sqlite3.Cursor]]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection.execute
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def _check_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of the file's columns, 0 for a new one; InputError for one of another version."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if not 0 <= version <= _VERSION:
        raise InputError(
            f"{path} is a prediction log of another version of this project ({version}, not {_VERSION}); move it away."
        )
    return version


def _present_columns(connection: sqlite3.Connection) -> set[str]:
    return {str(row[1]) for row in connection.execute("PRAGMA table_info(answers)")}


def _default(name: str) -> str:
    return _DEFAULTS.get(COLUMNS[name], "NULL")


def select_columns(connection: sqlite3.Connection, names: Sequence[str] = tuple(COLUMNS)) -> str:
    """Return columns for a SELECT; those that a log of an earlier version lacks by what stands for them."""
    present = _present_columns(connection)
    return ", ".join(name if name in present else f"{_default(name)} AS {name}" for name in names)


@contextlib.contextmanager
def open_for_reading(path: str | Path, *, may_be_empty: bool = False) -> Iterator[sqlite3.Connection]:
    """Open a log while services may be writing to it.

    Parameters
    ----------
    path : path
    may_be_empty : bool
        Whether a file without any table, as a service leaves it for a moment when it makes one, is a log, too.

    Raises
    ------
    InputError
        When there is none at the path, or it is no prediction log.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no prediction log at {path}; `aletheia serve` writes one.")
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    try:
        if not _check_version(connection, path) and not may_be_empty:
            raise InputError(f"{path} is no prediction log.")
        yield connection
    except sqlite3.DatabaseError as error:
        raise InputError(f"{path} is no prediction log, or it is damaged: {error}.") from None
    finally:
        connection.close()


def find_entry(path: str | Path, answer: str) -> LogEntry | None:
    """Return the row of an answer by its id; None without a log, or when there is no such row.

    Raises
    ------
    InputError
        When the file is no prediction log.
    """
    if not Path(path).is_file():
        return None
    with open_for_reading(path, may_be_empty=True) as connection:
        if not _check_version(connection, Path(path)):
            return None
        query = f"SELECT {select_columns(connection)} FROM answers WHERE id = ? AND error = '' LIMIT 1"
        row = connection.execute(query, (answer,)).fetchone()
    return LogEntry(*row) if row else None


def lost_rows(connection: sqlite3.Connection) -> int:
    """Return how many rows were lost before others could be written again; 0 for a log from before they were noted."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'losses'").fetchone():
        return 0
    return int(connection.execute("SELECT total(rows) FROM losses").fetchone()[0])
