"""Runs that were left unfinished by a process which has ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aletheia.tracking import queries
from aletheia.tracking.process_label import LABEL, labelled_process
from aletheia.tracking.queries import placeholders
from aletheia.tracking.resources import runs
from aletheia.tracking.store import Store


def set_owners(store: Store, project: str, uid: str, owners: list[list[float]]) -> None:
    """Note the processes (pid, start time) that write a run, by which it is later recognised as lost."""
    with store.write() as connection:
        row = connection.execute(
            "SELECT owners FROM runs WHERE project = ? AND uid = ? ORDER BY length(owners) DESC LIMIT 1",
            (project, uid),
        ).fetchone()
        if row is not None:
            all_owners = json.loads(row["owners"])
            all_owners += [owner for owner in owners if owner not in all_owners]
            connection.execute(
                "UPDATE runs SET owners = ? WHERE project = ? AND uid = ?",
                (queries.encode(all_owners), project, uid),
            )


def owners_of(store: Store, project: str, uid: str) -> list[list[float]]:
    """List the processes (pid, start time) that were seen writing a run or its iterations."""
    with store.read() as connection:
        rows = connection.execute("SELECT owners FROM runs WHERE project = ? AND uid = ?", (project, uid)).fetchall()
    found: list[list[float]] = []
    for row in rows:
        found += [owner for owner in json.loads(row["owners"]) if owner not in found]
    return found


def unfinished(store: Store) -> list[dict[str, Any]]:
    """List the runs without an end: project, uid, name, state, updated (seconds), owners ([[pid, start time], …]).

    A process that was gone before anybody looked at its connection is known by the label of its run.
    """
    with store.read() as connection:
        rows = connection.execute(
            # An iteration may have been written, and its process noted, before its parent.
            "SELECT project, uid, name, state, updated, labels, (SELECT o.owners FROM runs AS o"
            " WHERE o.project = runs.project AND o.uid = runs.uid ORDER BY length(o.owners) DESC LIMIT 1) AS owners"
            f" FROM runs WHERE iteration = 0 AND state NOT IN ({placeholders(runs.TERMINAL)}) ORDER BY updated",
            runs.TERMINAL,
        ).fetchall()
    found = []
    for row in rows:
        run = dict(row)
        label = labelled_process(json.loads(run.pop("labels")).get(LABEL))
        found.append({**run, "owners": json.loads(row["owners"]) or ([label] if label else [])})
    return found


def abort_lost(store: Store, is_alive: Callable[[list[float]], bool], grace: float) -> list[dict[str, Any]]:
    """Mark unfinished runs as aborted whose processes have all ended; return them.

    Runs whose processes are unknown are left alone: they may still be running somewhere.

    Parameters
    ----------
    store
        The database.
    is_alive
        Whether a process ([pid, start time]) still runs.
    grace
        Seconds since the last write that a run must have been silent.
    """
    lost = [
        run
        for run in unfinished(store)
        if run["owners"]
        and run["updated"] < queries.now() - grace
        and not any(is_alive(owner) for owner in run["owners"])
    ]
    for run in lost:
        pids = ", ".join(str(int(owner[0])) for owner in run["owners"])
        text = f"Aborted: the process that ran it (pid {pids}) ended without finishing the run."
        with store.write() as connection:
            for row in connection.execute(
                f"SELECT * FROM runs WHERE project = ? AND uid = ? AND state NOT IN ({placeholders(runs.TERMINAL)})",
                (run["project"], run["uid"], *runs.TERMINAL),
            ).fetchall():
                runs.mark_aborted(connection, row, {"status.error": text, "status.status_text": text})
    return lost
