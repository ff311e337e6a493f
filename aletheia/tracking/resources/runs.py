"""Runs and their iterations: store, update, list, abort and delete."""

from __future__ import annotations

import sqlite3
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError, Page, Where
from aletheia.tracking.resources import artifact_search, projects
from aletheia.tracking.resources.artifact_selector import store_uri
from aletheia.tracking.store import Store

TERMINAL = ("completed", "error", "aborted", "skipped")
_ACTIVE = ("running", "pending")
_DAY = 86_400  # seconds
_REQUESTED = "abort_requested"  # in the status of a run that somebody aborted; one that was only lost may come back


class RunFilters(BaseModel):
    """Query parameters of a listing, under the names that the client sends."""

    model_config = ConfigDict(populate_by_name=True)

    project: str = ""
    name: str | None = None
    uid: list[str] = []
    label: list[str] = []
    state: list[str] = []
    states: list[str] = []
    sort: bool = True
    last: int = Field(0, ge=0)
    iter: bool = True
    start_time_from: str | None = None
    start_time_to: str | None = None
    last_update_time_from: str | None = None
    last_update_time_to: str | None = None
    end_time_from: str | None = None
    end_time_to: str | None = None
    partition_by: str | None = Field(None, alias="partition-by", pattern="^(name|project_and_name)$")
    rows_per_partition: int = Field(1, alias="rows-per-partition", gt=0)
    partition_sort_by: str | None = Field(None, alias="partition-sort-by", pattern="^(created|updated)$")
    partition_order: str = Field("desc", alias="partition-order", pattern="^(asc|desc)$")
    max_partitions: int = Field(0, alias="max-partitions", ge=0)


def _replace_artifacts_by_uris(status: dict[str, Any]) -> None:
    """Keep references to artifacts in the run, not their bodies; old clients send both."""
    bodies = status.pop("artifacts", None)
    uris = status.get("artifact_uris")
    if isinstance(bodies, list) and bodies:
        uris = dict(uris) if isinstance(uris, dict) else {}
        for body in bodies:
            key = queries.get_in(body, "metadata.key") if isinstance(body, dict) else None
            if isinstance(key, str) and key not in uris:
                uris[key] = store_uri(body)
        status["artifact_uris"] = uris


def _save(
    connection: sqlite3.Connection, row: sqlite3.Row | None, key: tuple[str, str, int], body: dict[str, Any]
) -> None:
    project, uid, iteration = key
    name = queries.get_in(body, "metadata.name")
    if not isinstance(name, str) or not name:
        raise ApiError(400, "A run needs metadata.name.")
    queries.check_length(name, "A run's name")
    if row is not None and row["name"] != name:
        raise ApiError(400, "Changing name for an existing run is invalid")
    status = body.get("status")
    if not isinstance(status, dict):
        status = body["status"] = {}
    moment = queries.now()
    state = status.get("state") or "created"
    if row is not None and queries.get_in(queries.decode(row["body"]), f"status.{_REQUESTED}"):
        # The process may finish before it notices, or may not have been reached: the run stays what it was made.
        state, status[_REQUESTED] = "aborted", True
    start = queries.parse_time(status.get("start_time")) or (row["start_time"] if row else moment)
    end = queries.parse_time(status.get("end_time"))
    if end is None and state in TERMINAL:
        end = (row["end_time"] if row else None) or moment
    status["state"] = str(state)
    status["start_time"] = queries.to_iso(start)
    status["last_update"] = queries.to_iso(moment)
    if end is not None:
        status["end_time"] = queries.to_iso(end)
    connection.execute(
        "INSERT INTO runs (project, uid, iteration, name, state, start_time, end_time, updated, labels, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (project, uid, iteration) DO UPDATE SET state = excluded.state,"
        " start_time = excluded.start_time, end_time = excluded.end_time, updated = excluded.updated,"
        " labels = excluded.labels, body = excluded.body",
        (
            project,
            uid,
            iteration,
            name,
            str(state),
            start,
            end,
            moment,
            queries.encode_labels(queries.get_in(body, "metadata.labels")),
            queries.encode(body),
        ),
    )
    if iteration == 0 and state in ("aborted", "error"):
        _end_iterations(connection, project, uid, str(status.get("error") or f"the run ended as {state}"))


def _end_iterations(connection: sqlite3.Connection, project: str, uid: str, reason: str) -> None:
    """Mark the iterations of a run that ended early, and that no process will end, as aborted."""
    marks = queries.placeholders(TERMINAL)
    sql = f"SELECT * FROM runs WHERE project = ? AND uid = ? AND iteration > 0 AND state NOT IN ({marks})"
    for row in connection.execute(sql, (project, uid, *TERMINAL)).fetchall():
        mark_aborted(connection, row, {"status.error": reason})


def _find(connection: sqlite3.Connection, project: str, uid: str, iteration: int) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM runs WHERE project = ? AND uid = ? AND iteration = ?", (project, uid, iteration)
    ).fetchone()
    return row


def _get(connection: sqlite3.Connection, project: str, uid: str, iteration: int) -> sqlite3.Row:
    row = _find(connection, project, uid, iteration)
    if row is None:
        raise ApiError(404, f"Run uid {uid} of project {project} not found (iteration {iteration})")
    return row


def put(store: Store, project: str, uid: str, iteration: int, body: Any) -> str:
    """Store a whole run; return its state."""
    if not isinstance(body, dict):
        raise ApiError(400, "A run is a JSON object.")
    queries.check_length(uid, "A run's uid")
    if isinstance(body.get("status"), dict):
        _replace_artifacts_by_uris(body["status"])
    with store.write() as connection:
        projects.ensure(connection, project)
        _save(connection, _find(connection, project, uid, iteration), (project, uid, iteration), body)
    return str(body["status"]["state"])


def update(store: Store, project: str, uid: str, iteration: int, updates: Any) -> str:
    """Set values at dotted paths (``status.state`` …) of a stored run; return its state."""
    if not isinstance(updates, dict):
        raise ApiError(400, "The updates of a run are a JSON object of dotted paths.")
    with store.write() as connection:
        row = _get(connection, project, uid, iteration)
        body = queries.decode(row["body"])
        for path, value in updates.items():
            queries.set_in(body, path, value)
        if isinstance(body.get("status"), dict):
            _replace_artifacts_by_uris(body["status"])
        _save(connection, row, (project, uid, iteration), body)
    return str(body["status"]["state"])


def get(store: Store, project: str, uid: str, iteration: int, format_: str = "full") -> dict[str, Any]:
    """Return a run; in the ``full`` format with its artifacts, which are those of the best iteration if it has any."""
    with store.read() as connection:
        body = queries.decode(_get(connection, project, uid, iteration)["body"])
        if format_ == "full":
            if queries.get_in(body, "metadata.labels.workflow"):
                uris = queries.get_in(body, "status.artifact_uris", {})
                artifacts = artifact_search.by_uris(connection, project, uris)
            else:
                artifacts = artifact_search.of_run(connection, project, uid, iteration)
            if artifacts:
                body["status"]["artifacts"] = artifacts
    return body


def list_page(store: Store, filters: RunFilters, page: Page) -> tuple[list[dict[str, Any]], bool]:
    """Return the runs that match, newest first, and whether more follow.

    Without any filter: the newest run of each name in the last week, as an MLRun server answers.
    """
    if filters == RunFilters(project=filters.project, iter=False, sort=filters.sort):
        filters = filters.model_copy(
            update={
                "start_time_from": queries.to_iso(queries.now() - 7 * _DAY),
                "partition_by": "project_and_name",
                "partition_sort_by": "updated",
            }
        )
    if filters.partition_by and not filters.partition_sort_by:
        raise ApiError(400, "partition-sort-by must be given together with partition-by.")
    where = _where(filters)
    tail = "ORDER BY start_time DESC, id DESC" if filters.sort else "ORDER BY id"
    if filters.last:
        tail += f" LIMIT {filters.last}"
    if filters.partition_by:
        sql, values = queries.partitioned(
            "SELECT * FROM runs",
            where,
            by="name" if filters.partition_by == "name" else "project, name",
            sort="start_time" if filters.partition_sort_by == "created" else "updated",
            order=filters.partition_order,
            rows=filters.rows_per_partition,
            partitions=filters.max_partitions,
            tail=tail,
        )
    else:
        sql, values = f"SELECT * FROM runs WHERE {where.sql()} {tail}", where.values
    if filters.last:
        sql = f"SELECT * FROM ({sql})"
    with store.read() as connection:
        rows, more = page.fetch(connection, sql, values)
    return [queries.decode(row["body"]) for row in rows], more


def _where(filters: RunFilters) -> Where:
    where = Where()
    where.project("project", filters.project)
    where.name("name", filters.name)
    where.any_of("uid", filters.uid)
    where.any_of("state", {*filters.state, *filters.states})
    where.labels("runs.labels", filters.label)
    where.between("start_time", filters.start_time_from, filters.start_time_to)
    where.between("updated", filters.last_update_time_from, filters.last_update_time_to)
    where.between("end_time", filters.end_time_from, filters.end_time_to)
    if not filters.iter:
        where.add("iteration = 0")
    return where


def _delete_rows(connection: sqlite3.Connection, rows: list[sqlite3.Row]) -> None:
    """Delete runs with their iterations and logs; 400 if one of the rows has not ended."""
    for row in rows:
        if row["state"] in _ACTIVE:
            raise ApiError(400, f"Can not delete run in {row['state']} state, consider aborting the run first")
    for project, uid in {(row["project"], row["uid"]) for row in rows}:
        connection.execute("DELETE FROM runs WHERE project = ? AND uid = ?", (project, uid))
        connection.execute("DELETE FROM logs WHERE project = ? AND uid = ?", (project, uid))


def delete(store: Store, project: str, uid: str) -> None:
    """Delete a run with its iterations and its log; it is no error if there is none."""
    sql = "SELECT * FROM runs WHERE project = ? AND uid = ?"
    with store.write() as connection:
        rows = connection.execute(f"{sql} AND iteration = 0", (project, uid)).fetchall()
        _delete_rows(connection, rows or connection.execute(sql, (project, uid)).fetchall())


def delete_many(store: Store, filters: RunFilters, days_ago: int) -> None:
    """Delete the runs that match name, labels and state and began in the last ``days_ago`` days (0: at any time)."""
    if any(state in _ACTIVE for state in filters.state):
        raise ApiError(400, f"Can not delete runs in {filters.state[0]} state, consider aborting the run first")
    where = _where(filters)
    if days_ago:
        where.add("start_time >= ?", queries.now() - days_ago * _DAY)
    with store.write() as connection:
        rows = connection.execute(f"SELECT * FROM runs WHERE {where.sql()}", where.values).fetchall()
        _delete_rows(connection, rows)


def abort(store: Store, project: str, uid: str, iteration: int, updates: Any) -> None:
    """Mark a run as aborted; 409 if it has ended already."""
    with store.write() as connection:
        row = _get(connection, project, uid, iteration)
        if row["state"] in TERMINAL:
            raise ApiError(409, "Run is already in terminal state, can not be aborted")
        mark_aborted(connection, row, updates if isinstance(updates, dict) else {}, requested=True)


def mark_aborted(
    connection: sqlite3.Connection, row: sqlite3.Row, updates: dict[str, Any], *, requested: bool = False
) -> None:
    """Set a run's state to aborted, for good if that was requested, and the values at the paths of ``updates``."""
    body = queries.decode(row["body"])
    final = {"status.state": "aborted"} | ({f"status.{_REQUESTED}": True} if requested else {})
    for path, value in {**updates, **final}.items():
        queries.set_in(body, path, value)
    _save(connection, row, (row["project"], row["uid"], row["iteration"]), body)
