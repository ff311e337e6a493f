"""Background tasks: here everything is done when the answer goes out, so a task is a receipt."""

from __future__ import annotations

import sqlite3
import uuid
from typing import Any

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError
from aletheia.tracking.store import Store

_KEPT = 1_000


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


def done(store: Store, project: str, kind: str) -> dict[str, Any]:
    """Write the receipt of something that was done for a client that expects a task to wait for."""
    name = str(uuid.uuid4())
    with store.write() as connection:
        connection.execute(
            "INSERT INTO tasks (name, project, kind, created) VALUES (?, ?, ?, ?)",
            (name, project, kind, queries.now()),
        )
        connection.execute(
            "DELETE FROM tasks WHERE created < (SELECT created FROM tasks ORDER BY created DESC LIMIT 1 OFFSET ?)",
            (_KEPT,),
        )
        return _body(connection.execute("SELECT * FROM tasks WHERE name = ?", (name,)).fetchone())


def get(store: Store, name: str, project: str | None = None) -> dict[str, Any]:
    """A receipt by its name."""
    with store.read() as connection:
        row = connection.execute("SELECT * FROM tasks WHERE name = ?", (name,)).fetchone()
    if row is None or project not in (None, row["project"]):
        raise ApiError(404, f"Background task not found: {name}")
    return _body(row)


def list_all(store: Store, project: str) -> list[dict[str, Any]]:
    """A project's receipts, newest first."""
    with store.read() as connection:
        rows = connection.execute("SELECT * FROM tasks WHERE project = ? ORDER BY created DESC", (project,)).fetchall()
    return [_body(row) for row in rows]
