"""A prediction log that is read as it grows: each row once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aletheia.core.errors import InputError
from aletheia.lifecycle.dashboard.drift_tracker import DriftTracker
from aletheia.lifecycle.dashboard.rows import TAKEN, Rows, RowStore
from aletheia.lifecycle.monitoring.drift import SEARCHED
from aletheia.lifecycle.prediction_log.reading import to_frame
from aletheia.lifecycle.prediction_log.table import lost_rows, open_for_reading, select_columns

#: Rows that are kept, the newest: some 200 MB of memory.
MAX_ROWS = 2_000_000
_PART = 10_000  # rows that are read together


class LogSize(NamedTuple):
    """How large a log is.

    Attributes
    ----------
    rows : int
        In the file.
    file_bytes : int
        With what is not yet in the main file.
    lost : int
        Rows that the disk did not take.
    removed : int
        The oldest rows, which made room for others.
    """

    rows: int = 0
    file_bytes: int = 0
    lost: int = 0
    removed: int = 0


class LogFollower:
    """Reads the rows that are new, and looks for changes in them.

    Parameters
    ----------
    path : path
        The prediction log; it may appear later.
    max_rows : int
        Of which the newest are kept.

    Attributes
    ----------
    problem : str
        Why the log could not be read the last time, as a sentence; empty when it could.
    size : LogSize
    tracker : DriftTracker
    revision : int
        Grows with every change of what is known.
    is_reading : bool
        Whether there are rows that were not read yet, as at the beginning.
    searched_until : float
        Time of the last row in which changes were looked for, seconds since 1970.
    """

    def __init__(self, path: str | Path, max_rows: int = MAX_ROWS) -> None:
        self.path, self._max_rows = Path(path), max_rows
        self.problem, self.size, self.revision, self.is_reading = "", LogSize(), 0, True
        self._reset()

    @property
    def is_searching(self) -> bool:
        """Whether there are rows in which changes were not looked for yet."""
        return self._searched_to < self._read_to

    def rows(self) -> Rows:
        """Return the rows that are known."""
        return self._store.rows()

    def read(self, seconds: float = 1.0) -> None:
        """Read what is new, for about so long; the rest is left for the next time.

        A log that cannot be read is a `problem`. Rows come first: the search for changes in a long log takes longer.
        """
        before, end = (self.problem, self.size, self._read_to, self._searched_to), time.monotonic() + seconds
        try:
            self._read(end)
            self.problem = ""
        except InputError as error:
            self.problem = str(error)
            self._reset()
            self.size, self.is_reading = LogSize(), False
        if before != (self.problem, self.size, self._read_to, self._searched_to):
            self.revision += 1

    def _reset(self) -> None:
        self._store, self.tracker = RowStore(self._max_rows), DriftTracker()
        self._read_to, self._searched_to, self._identity, self._oldest = 0, 0, (0, 0), 0.0
        self.searched_until = 0.0

    def _read(self, end: float) -> None:
        with open_for_reading(self.path) as connection:
            status = self.path.stat()
            newest, oldest = _ends(connection)
            if (status.st_dev, status.st_ino) != self._identity or newest < self._read_to:  # another log, or rows gone
                self._reset()
                self._identity = (status.st_dev, status.st_ino)
                self._read_to = self._searched_to = _row_before(connection, self._max_rows)
            if oldest > self._oldest:
                self._store.drop_before(oldest)
                self._oldest = oldest
            self._follow_rows(connection, end)
            self.is_reading = self._read_to < newest
            if not self.is_reading:
                (count,) = connection.execute("SELECT count(*) FROM answers").fetchone()
                self.size = LogSize(count, _bytes(self.path), lost_rows(connection), max(newest - count, 0))
                self._follow_changes(connection, end)

    def _follow_rows(self, connection: sqlite3.Connection, end: float) -> None:
        while rows := _next_rows(connection, self._read_to, TAKEN):
            self._store.append(to_frame([row[1:] for row in rows], TAKEN))
            self._read_to = int(rows[-1][0])
            if time.monotonic() > end:
                return

    def _follow_changes(self, connection: sqlite3.Connection, end: float) -> None:
        while self._searched_to < self._read_to and (rows := _next_rows(connection, self._searched_to, SEARCHED)):
            # Rows of several services come in the order in which they were written: nearly, not exactly, that of time.
            frame = to_frame([row[1:] for row in rows], SEARCHED).sort_values("time", kind="stable")
            self.tracker.update(frame)
            self._searched_to = int(rows[-1][0])
            if len(frame):
                self.searched_until = float(frame["time"].iloc[-1].timestamp())
            if time.monotonic() > end:
                return


def _next_rows(connection: sqlite3.Connection, after: int, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    chosen = select_columns(connection, columns)
    query = f"SELECT rowid, {chosen} FROM answers WHERE rowid > ? ORDER BY rowid LIMIT {_PART}"
    return connection.execute(query, (after,)).fetchall()


def _row_before(connection: sqlite3.Connection, rows: int) -> int:
    """Return the number of the row before the last so many; 0 when there are no more."""
    query = "SELECT rowid FROM answers ORDER BY rowid DESC LIMIT 1 OFFSET ?"
    found = connection.execute(query, (rows,)).fetchone()
    return int(found[0]) if found else 0


def _ends(connection: sqlite3.Connection) -> tuple[int, float]:
    """Return the largest row number and the smallest time."""
    newest, oldest = connection.execute(
        "SELECT (SELECT max(rowid) FROM answers), (SELECT min(time) FROM answers)"
    ).fetchone()
    return int(newest or 0), float(oldest) if isinstance(oldest, int | float) else 0.0


def _bytes(path: Path) -> int:
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
