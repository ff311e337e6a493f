"""What the jobs came to: the last runs of each, in a file of SQLite beside their times."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aletheia.core.errors import InputError

_KEPT = 100  # runs of a job
_LONGEST = 2000  # characters of a result
_CREATE = "CREATE TABLE IF NOT EXISTS results (job TEXT, started REAL, ended REAL, state TEXT, text TEXT)"


@dataclasses.dataclass(frozen=True)
class JobResult:
    """One run of a job.

    Attributes
    ----------
    job : str
    started, ended : float
        Seconds since 1970.
    state : str
        ``ok``, ``error``, or what a retraining came to.
    text : str
        A sentence or more.
    """

    job: str
    started: float
    ended: float
    state: str
    text: str


class ResultLog:
    """The runs of all jobs; each call opens the file anew, so that threads and processes may share it.

    Parameters
    ----------
    path : path
        The file; made with its folder if it is missing, readable by its owner alone.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def note(self, result: JobResult) -> None:
        """Store a run, and forget the oldest of its job."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch(mode=0o600)
        with self._open() as connection:
            connection.execute(_CREATE)
            values = dataclasses.astuple(dataclasses.replace(result, text=result.text[:_LONGEST]))
            connection.execute("INSERT INTO results VALUES (?, ?, ?, ?, ?)", values)
            newest = "SELECT rowid FROM results WHERE job = ? ORDER BY ended DESC LIMIT ?"
            connection.execute(
                f"DELETE FROM results WHERE job = ? AND rowid NOT IN ({newest})", (result.job, result.job, _KEPT)
            )

    def last(self, job: str, count: int = 1) -> list[JobResult]:
        """Return the last runs of a job, the newest first."""
        query = "SELECT * FROM results WHERE job = ? ORDER BY ended DESC LIMIT ?"
        return [JobResult(*row) for row in self._read(query, (job, count))]

    def next_runs(self) -> dict[str, float | None]:
        """Return when each stored job runs next, seconds since 1970; None for one that pauses."""
        return {str(name): moment for name, moment in self._read("SELECT id, next_run_time FROM apscheduler_jobs", ())}

    def _read(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        if not self.path.is_file():
            return []
        with self._open() as connection:
            try:
                return connection.execute(query, values).fetchall()
            except sqlite3.OperationalError:  # no such table yet
                return []

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path, timeout=10.0)
        try:
            with connection:
                yield connection
        except sqlite3.DatabaseError as error:
            raise InputError(f"{self.path} is damaged ({error}); delete it, and the jobs begin anew.") from None
        finally:
            connection.close()
