"""Workflows that ran on this machine, in the form of MLRun's pipelines, which the UI shows as graphs.

The record of a workflow is a run with the label ``kind=workflow``; the runs of its steps have its uid as their label
``workflow``.
"""

from __future__ import annotations

from typing import Any

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError
from aletheia.tracking.resources.runs import TERMINAL
from aletheia.tracking.store import Store

_PHASES = {"completed": "Succeeded", "error": "Failed", "aborted": "Failed"}
_MOST_STEPS = 1000


def list_pipelines(store: Store, project: str, first: int = 0, rows: int = 200) -> tuple[list[dict[str, Any]], int]:
    """Return workflows of a project (``*``: of all), the newest first, and how many there are."""
    where = queries.Where()
    where.project("project", project)
    where.labels("runs.labels", ["kind=workflow"])
    where.add("iteration = 0")
    with store.read() as connection:
        (total,) = connection.execute(f"SELECT COUNT(*) FROM runs WHERE {where.sql()}", where.values).fetchone()
        found = connection.execute(
            f"SELECT body FROM runs WHERE {where.sql()} ORDER BY start_time DESC, id DESC LIMIT ? OFFSET ?",
            [*where.values, rows, first],
        ).fetchall()
    return [_pipeline(queries.decode(row["body"])) for row in found], int(total)


def get_pipeline(store: Store, project: str, uid: str) -> dict[str, Any]:
    """Return a workflow with the graph of its steps, each the parent of the one that started next.

    Raises
    ------
    ApiError
        404 when there is none of this uid.
    """
    where = queries.Where()
    where.project("project", project)
    where.labels("runs.labels", [f"workflow={uid}"])
    where.add("iteration = 0")
    with store.read() as connection:
        rows = connection.execute(
            f"SELECT body FROM runs WHERE {where.sql()} ORDER BY start_time, id LIMIT {_MOST_STEPS}", where.values
        ).fetchall()
    bodies = [queries.decode(row["body"]) for row in rows]
    record = next((body for body in bodies if body["metadata"]["uid"] == uid), None)
    if record is None:
        raise ApiError(404, f"There is no workflow {uid[:64]} in project {project}.")
    steps = [body for body in bodies if body is not record]
    following = [[step["metadata"]["uid"]] for step in steps[1:]] + [[]]
    graph = {step["metadata"]["uid"]: _step(step, children) for step, children in zip(steps, following, strict=False)}
    return _pipeline(record) | {"graph": graph}


def _pipeline(body: dict[str, Any]) -> dict[str, Any]:
    metadata, status = body["metadata"], body.get("status") or {}
    return {
        "id": metadata["uid"],
        "name": f"{metadata.get('project', '')}-{metadata.get('name', '')}",
        "project": metadata.get("project", ""),
        "created_at": status.get("start_time"),
        "scheduled_at": status.get("start_time"),
        **_end(status),
        "status": _phase(status),
        "error": status.get("error") or "",
        "run_type": "local",
    }


def _step(body: dict[str, Any], children: list[str]) -> dict[str, Any]:
    metadata, status = body["metadata"], body.get("status") or {}
    return {
        "id": metadata["uid"],
        "name": metadata.get("name", ""),
        "phase": _phase(status),
        "run_uid": metadata["uid"],
        "run_type": "run",
        "type": "Pod",
        "function": queries.get_in(body, "spec.function", ""),
        "children": children,
        "started_at": status.get("start_time"),
        **_end(status),
        "error": status.get("error") or "",
    }


def _phase(status: dict[str, Any]) -> str:
    return _PHASES.get(str(status.get("state", "")), "Running")


def _end(status: dict[str, Any]) -> dict[str, Any]:
    ended = str(status.get("state", "")) in TERMINAL
    return {"finished_at": (status.get("end_time") or status.get("last_update")) if ended else None}
