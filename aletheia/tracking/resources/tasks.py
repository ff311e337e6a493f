"""Background tasks. The service does everything before it answers, so a task is a record of finished work."""

from __future__ import annotations

import sqlite3
import uuid
from typing import Any

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError
from aletheia.tracking.store import Store

_MAX_TASKS = 1_000  # older ones are forgotten


def _body(row: sqlite3.Row) -> dict[str, Any]:
    moment = queries.to_iso(row["created"])
    return {
        "kind": "BackgroundTask",
        "metadata": {
            "name": row["name"],
            "kind": row["kind"],
            "project": row["project"],
            "created": moment,
            "updated": moment,
        },
        "spec": {},
        "status": {"state": "succeeded"},
    }


def record(store: Store, project: str, kind: str) -> dict[str, Any]:
    """Record work that was done, as a succeeded task, for clients that wait for one; return the task."""
    name = str(uuid.uuid4())
    with store.write() as connection:
        connection.execute(
            "INSERT INTO tasks (name, project, kind, created) VALUES (?, ?, ?, ?)",
            (name, project, kind, queries.now()),
        )
        connection.execute(
            "DELETE FROM tasks WHERE created < (SELECT created FROM tasks ORDER BY created DESC LIMIT 1 OFFSET ?)",
            (_MAX_TASKS,),
        )
        return _body(connection.execute("SELECT * FROM tasks WHERE name = ?", (name,)).fetchone())


def get(store: Store, name: str, project: str | None = None) -> dict[str, Any]:
    """Return a task by its name; 404 if there is none, or only in another project."""
    with store.read() as connection:
        row = connection.execute("SELECT * FROM tasks WHERE name = ?", (name,)).fetchone()
    if row is None or project not in (None, row["project"]):
        raise ApiError(404, f"Background task not found: {name}")
    return _body(row)


def list_all(store: Store, project: str) -> list[dict[str, Any]]:
    """List a project's tasks, newest first."""
    with store.read() as connection:
        rows = connection.execute("SELECT * FROM tasks WHERE project = ? ORDER BY created DESC", (project,)).fetchall()
    return [_body(row) for row in rows]
