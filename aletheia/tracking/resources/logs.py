"""Logs of runs, stored in pieces, so that appending costs the same however long a log has grown."""

from __future__ import annotations

import sqlite3

from aletheia.tracking.queries import ApiError
from aletheia.tracking.resources import projects
from aletheia.tracking.store import Store

_PIECE = 1 << 20  # bytes


def _size(connection: sqlite3.Connection, project: str, uid: str) -> int:
    row = connection.execute(
        "SELECT start + length(data) AS size FROM logs WHERE project = ? AND uid = ? ORDER BY start DESC LIMIT 1",
        (project, uid),
    ).fetchone()
    return int(row["size"]) if row else 0


def append(store: Store, project: str, uid: str, data: bytes, *, replace: bool) -> None:
    """Append bytes to a run's log, or replace it by them."""
    with store.write() as connection:
        projects.ensure(connection, project)
        if replace:
            connection.execute("DELETE FROM logs WHERE project = ? AND uid = ?", (project, uid))
        start = _size(connection, project, uid)
        for offset in range(0, len(data), _PIECE):
            connection.execute(
                "INSERT INTO logs (project, uid, start, data) VALUES (?, ?, ?, ?)",
                (project, uid, start + offset, data[offset : offset + _PIECE]),
            )


def size(store: Store, project: str, uid: str) -> int:
    """Return the length of a run's log in bytes; 0 if there is none."""
    with store.read() as connection:
        return _size(connection, project, uid)


def read(store: Store, project: str, uid: str, offset: int, length: int) -> tuple[str, bytes]:
    """Read a run's log.

    Parameters
    ----------
    store, project, uid
        The database, and the run.
    offset, length
        First byte and number of bytes; a negative length means all that follow.

    Returns
    -------
    tuple
        State of the run (``unknown`` if there is only a log) and the bytes.

    Raises
    ------
    ApiError
        404 when there is neither a run nor a log.
    """
    with store.read() as connection:
        run = connection.execute(
            "SELECT state FROM runs WHERE project = ? AND uid = ? ORDER BY iteration LIMIT 1", (project, uid)
        ).fetchone()
        total = _size(connection, project, uid)
        if run is None and not total:
            raise ApiError(404, f"Run uid {uid} of project {project} not found")
        end = total if length < 0 else min(total, offset + length)
        rows = connection.execute(
            "SELECT start, data FROM logs WHERE project = ? AND uid = ? AND start < ?"
            " AND start + length(data) > ? ORDER BY start",
            (project, uid, end, offset),
        )
        data = b"".join(row["data"][max(0, offset - row["start"]) : end - row["start"]] for row in rows)
    return (run["state"] if run else "unknown"), data
