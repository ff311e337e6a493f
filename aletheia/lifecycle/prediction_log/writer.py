"""Writing of the prediction log beside the answers: it never slows one, fails one, or grows without bound."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from aletheia.core.errors import InputError
from aletheia.lifecycle.prediction_log.entry import LogEntry, ShadowScore
from aletheia.lifecycle.prediction_log.place import MAX_BYTES
from aletheia.lifecycle.prediction_log.table import PredictionTable, find_entry

logger = logging.getLogger(__name__)

#: Seconds between two writes: a service that is killed loses the rows of this time.
FLUSH_SECONDS = 0.5
#: Rows that wait for the next write, at most; further ones are lost, and counted.
MAX_WAITING = 10_000
_RETRY_SECONDS = 10.0  # before a file that could not be written is tried again


class PredictionLog:
    """Takes rows from any thread and writes them from one of its own.

    What the disk does not take is lost, and counted: answers matter more than their record.

    Parameters
    ----------
    path : path
        The file, see `aletheia.lifecycle.prediction_log.table`.
    max_bytes : int
        Of the file.

    Attributes
    ----------
    lost : int
        Rows that were not written.
    """

    def __init__(self, path: str | Path, max_bytes: int = MAX_BYTES) -> None:
        self.path, self._max_bytes = Path(path), max_bytes
        self.lost, self._noted_lost, self._is_failing = 0, 0, False
        self._rows: queue.Queue[LogEntry | ShadowScore] = queue.Queue(MAX_WAITING)
        self._stop = threading.Event()
        self._table: PredictionTable | None = None
        self._counting = threading.Lock()
        self._unwritten: dict[str, LogEntry] = {}
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def append(self, entry: LogEntry | ShadowScore) -> None:
        """Take a row, or a note to one that was taken before; returns at once."""
        if isinstance(entry, LogEntry):
            with self._counting:
                self._unwritten[entry.id] = entry
        try:
            self._rows.put_nowait(entry)
        except queue.Full:
            self._settle([entry], lost=1)

    def find(self, answer: str) -> LogEntry | None:
        """Return the row of an answer, also one that waits to be written; None when there is none, or no longer.

        Raises
        ------
        sqlite3.Error, InputError
            When the file cannot be read.
        """
        with self._counting:
            waiting = self._unwritten.get(answer)
        return waiting or find_entry(self.path, answer)

    def close(self) -> None:
        """Write what is left and end the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            if not self._write() and self._stop.wait(_RETRY_SECONDS):
                break
        self._write()
        if self._table:
            self._table.close()

    def _write(self) -> bool:
        """Write all rows that wait; False when the file cannot be written, which is said before a row is lost."""
        rows: list[LogEntry | ShadowScore] = []
        while not self._rows.empty():
            rows.append(self._rows.get_nowait())  # this thread alone takes rows out
        if not rows and self._table:
            return True
        try:
            self._table = self._table or PredictionTable(self.path, self._max_bytes)
            lost = self.lost - self._noted_lost
            self._table.append(rows, lost)
            self._noted_lost += lost
        except (sqlite3.Error, OSError, InputError) as error:
            if not self._is_failing:  # once: a full disk is not filled further by a line for each try
                logger.warning("%s: rows of the prediction log are lost: %s", self.path, error)
            self._is_failing = True
            self._settle(rows, lost=len(rows))
            if self._table:
                self._table.close()
            self._table = None
            return False
        self._is_failing = self._is_failing and not rows  # a full disk opens the file, and takes nothing
        self._settle(rows)
        return True

    def _settle(self, rows: Sequence[LogEntry | ShadowScore], lost: int = 0) -> None:
        """Note that rows wait no longer."""
        with self._counting:
            self.lost += lost
            for row in rows:
                if isinstance(row, LogEntry):
                    self._unwritten.pop(row.id, None)
