"""Writing of the prediction log beside the answers: it never slows one, fails one, or grows without bound."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from pathlib import Path

from aletheia.core.errors import InputError
from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.prediction_log.place import MAX_BYTES
from aletheia.lifecycle.prediction_log.table import PredictionTable

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
        self.lost = 0
        self._rows: queue.Queue[LogEntry] = queue.Queue(MAX_WAITING)
        self._stop = threading.Event()
        self._table: PredictionTable | None = None
        self._counting = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def append(self, entry: LogEntry) -> None:
        """Take a row; returns at once."""
        try:
            self._rows.put_nowait(entry)
        except queue.Full:
            self._lose(1)

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
        """Write all rows that wait; False when the file cannot be written."""
        rows: list[LogEntry] = []
        while not self._rows.empty():
            rows.append(self._rows.get_nowait())  # this thread alone takes rows out
        if not rows:
            return True
        try:
            self._table = self._table or PredictionTable(self.path, self._max_bytes)
            self._table.append(rows)
        except (sqlite3.Error, OSError, InputError) as error:
            if not self.lost:  # once: a full disk is not filled further by a line for each try
                logger.warning("%s: rows of the prediction log are lost: %s", self.path, error)
            self._lose(len(rows))
            if self._table:
                self._table.close()
            self._table = None
            return False
        return True

    def _lose(self, rows: int) -> None:
        with self._counting:
            self.lost += rows
