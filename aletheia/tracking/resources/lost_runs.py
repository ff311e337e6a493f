"""Runs whose process ended without finishing them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aletheia.tracking import queries
from aletheia.tracking.resources import runs
from aletheia.tracking.store import Store


def set_owners(store: Store, project: str, uid: str, owners: list[list[float]]) -> None:
    """Add the processes (pid, start time) that work on a run, to know later whether it was lost."""
    with store.write() as connection:
        row = connection.execute(
            "SELECT owners FROM runs WHERE project = ? AND uid = ? ORDER BY length(owners) DESC LIMIT 1",
            (project, uid),
        ).fetchone()
        if row is not None:
            known = json.loads(row["owners"])
            known += [owner for owner in owners if owner not in known]
            connection.execute(
                "UPDATE runs SET owners = ? WHERE project = ? AND uid = ?",
                (queries.encode(known), project, uid),
            )


def unfinished(store: Store) -> list[dict[str, Any]]:
    """Runs without an end: project, uid, name, state, updated (seconds), owners ([[pid, start time], …])."""
    with store.read() as connection:
        rows = connection.execute(
            # An iteration may have been written, and its process noted, before its parent.
            "SELECT project, uid, name, state, updated, (SELECT o.owners FROM runs AS o WHERE o.project ="
            " runs.project AND o.uid = runs.uid ORDER BY length(o.owners) DESC LIMIT 1) AS owners FROM runs"
            f" WHERE iteration = 0 AND state NOT IN ({','.join('?' * len(runs.TERMINAL))}) ORDER BY updated",
            runs.TERMINAL,
        ).fetchall()
    return [{**dict(row), "owners": json.loads(row["owners"])} for row in rows]


def abort_lost(store: Store, alive: Callable[[list[float]], bool], grace: float) -> list[dict[str, Any]]:
    """Mark runs as aborted whose processes are all gone and that were not written to for ``grace`` seconds.

    Runs whose process is unknown are left alone: no sign of life is no proof of death.
    """
    lost = [
        run
        for run in unfinished(store)
        if run["owners"] and run["updated"] < queries.now() - grace and not any(alive(owner) for owner in run["owners"])
    ]
    for run in lost:
        pids = ", ".join(str(int(owner[0])) for owner in run["owners"])
        text = f"Aborted: the process that ran it (pid {pids}) ended without finishing the run."
        with store.write() as connection:
            for row in connection.execute(
                "SELECT * FROM runs WHERE project = ? AND uid = ? AND state NOT IN"
                f" ({','.join('?' * len(runs.TERMINAL))})",
                (run["project"], run["uid"], *runs.TERMINAL),
            ).fetchall():
                runs.mark_aborted(connection, row, {"status.error": text, "status.status_text": text})
    return lost
