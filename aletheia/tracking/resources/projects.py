"""Projects: create, store, patch, list and delete; the counts on the first page of the UI."""

from __future__ import annotations

import sqlite3
from typing import Any

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError, Where
from aletheia.tracking.store import Store

_TABLES = ("artifacts", "runs", "functions", "logs")  # a project with rows in one of them is not empty

# Kinds of artifacts that have a count of their own.
_COUNTED_KINDS = {"model": "models_count", "dataset": "datasets_count", "document": "documents_count"}

# Counts of resources that the embedded service does not have; the UI expects the keys.
_NO_COUNTS = (
    "feature_sets_count",
    "distinct_schedules_count",
    "distinct_scheduled_jobs_pending_count",
    "distinct_scheduled_pipelines_pending_count",
    "pipelines_completed_recent_count",
    "pipelines_failed_recent_count",
    "pipelines_running_count",
    "endpoint_alerts_count",
    "job_alerts_count",
    "application_alerts_count",
    "infra_alerts_count",
    "running_model_monitoring_functions",
    "failed_model_monitoring_functions",
    "real_time_model_endpoint_count",
    "batch_model_endpoint_count",
)


def ensure(connection: sqlite3.Connection, name: str) -> None:
    """Refuse (404) to write into a project that does not exist, as an MLRun server does."""
    if not connection.execute("SELECT 1 FROM projects WHERE name = ?", (name,)).fetchone():
        raise ApiError(404, f"Project {name} does not exist")


def _save(connection: sqlite3.Connection, name: str, body: dict[str, Any], created: float | None) -> dict[str, Any]:
    """Insert or replace a project's row; return the body as stored."""
    if not isinstance(body, dict):
        raise ApiError(422, "A project is a JSON object.")
    moment = queries.now()
    metadata = body.setdefault("metadata", {})
    spec = body.setdefault("spec", {})
    if not isinstance(metadata, dict) or not isinstance(spec, dict):
        raise ApiError(422, "A project's metadata and spec are JSON objects.")
    if metadata.setdefault("name", name) != name:
        raise ApiError(400, f"The body names project {metadata['name']!r}, the address {name!r}.")
    body["kind"] = "project"
    if created is None:
        created = queries.parse_time(metadata.get("created")) or moment
    # As MLRun's own API writes it, in UTC without saying so: its UI adds the "Z".
    metadata["created"] = queries.to_iso(created).removesuffix("+00:00")
    state = spec.get("desired_state") or "online"
    spec["desired_state"] = state
    status = body.get("status")
    body["status"] = {**(status if isinstance(status, dict) else {}), "state": state}
    connection.execute(
        "INSERT INTO projects (name, created, updated, state, owner, labels, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET created = excluded.created, updated = excluded.updated,"
        " state = excluded.state, owner = excluded.owner, labels = excluded.labels, body = excluded.body",
        (
            name,
            created,
            moment,
            str(state),
            str(spec.get("owner") or ""),
            queries.encode_labels(metadata.get("labels")),
            queries.encode(body),
        ),
    )
    return body


def create(store: Store, body: Any) -> dict[str, Any]:
    """Create a project; 409 if one of this name exists."""
    name = queries.get_in(body, "metadata.name") if isinstance(body, dict) else None
    if not isinstance(name, str):
        raise ApiError(422, "A project needs metadata.name.")
    queries.check_project(name)
    with store.write() as connection:
        if connection.execute("SELECT 1 FROM projects WHERE name = ?", (name,)).fetchone():
            raise ApiError(409, f"Project {name} already exists")
        return _save(connection, name, body, None)


def put(store: Store, name: str, body: Any) -> dict[str, Any]:
    """Create or overwrite a project; its time of creation stays."""
    queries.check_project(name)
    with store.write() as connection:
        row = connection.execute("SELECT created FROM projects WHERE name = ?", (name,)).fetchone()
        return _save(connection, name, body, row["created"] if row else None)


def merge(target: dict[str, Any], changes: dict[str, Any], *, additive: bool) -> None:
    """Merge nested objects in place; lists are replaced, or joined when additive."""
    for key, value in changes.items():
        old = target.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merge(old, value, additive=additive)
        elif additive and isinstance(old, list) and isinstance(value, list):
            old.extend(value)
        else:
            target[key] = value


def patch(store: Store, name: str, changes: Any, mode: str) -> dict[str, Any]:
    """Merge changes into a project; ``mode`` is ``replace`` or ``additive``."""
    if not isinstance(changes, dict):
        raise ApiError(422, "The changes of a project are a JSON object.")
    if mode not in ("replace", "additive"):
        raise ApiError(400, f"Patch mode {mode!r} is neither replace nor additive.")
    with store.write() as connection:
        row = _row(connection, name)
        body = queries.decode(row["body"])
        merge(body, changes, additive=mode == "additive")
        return _save(connection, name, body, row["created"])


def _row(connection: sqlite3.Connection, name: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM projects WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise ApiError(404, f"Project not found: {name}")
    return row


def _minimal(body: dict[str, Any]) -> dict[str, Any]:
    """Remove the long lists, which the UI does not need."""
    for key in ("functions", "workflows", "artifacts"):
        body.get("spec", {}).pop(key, None)
    return body


def get(store: Store, name: str) -> dict[str, Any]:
    """Return a project; 404 if there is none of this name."""
    with store.read() as connection:
        return queries.decode(_row(connection, name)["body"])


def list_all(
    store: Store, format_: str = "full", owner: str | None = None, state: str | None = None, labels: Any = ()
) -> list[Any]:
    """List the projects by name, in a format: full, minimal, name_only or name_and_creation_time."""
    where = Where()
    where.equals("owner", owner)
    where.equals("state", state)
    where.labels("projects.labels", labels)
    with store.read() as connection:
        rows = connection.execute(f"SELECT * FROM projects WHERE {where.sql()} ORDER BY name", where.values).fetchall()
    if format_ == "name_only":
        return [row["name"] for row in rows]
    if format_ == "name_and_creation_time":
        return [[row["name"], queries.to_iso(row["created"])] for row in rows]
    bodies = [queries.decode(row["body"]) for row in rows]
    return [_minimal(body) for body in bodies] if format_ == "minimal" else bodies


def delete(store: Store, name: str, strategy: str) -> None:
    """Delete a project; it is no error if there is none of this name.

    Parameters
    ----------
    store, name
        The database, and the project.
    strategy
        ``restricted`` refuses (412) if the project is not empty, ``cascading`` deletes its content, too; ``check``
        refuses likewise but deletes nothing.
    """
    if strategy not in ("restrict", "restricted", "cascade", "cascading", "check"):
        raise ApiError(400, f"Deletion strategy {strategy!r} is unknown.")
    with store.write() as connection:
        if not connection.execute("SELECT 1 FROM projects WHERE name = ?", (name,)).fetchone():
            return
        if not strategy.startswith("cascad"):
            for table in _TABLES:
                if connection.execute(f"SELECT 1 FROM {table} WHERE project = ? LIMIT 1", (name,)).fetchone():
                    raise ApiError(412, f"Project {name} can not be deleted since related resources found: {table}")
        if strategy == "check":
            return
        for table in (*_TABLES, "tasks", "model_versions", "production_changes"):
            connection.execute(f"DELETE FROM {table} WHERE project = ?", (name,))
        connection.execute("DELETE FROM projects WHERE name = ?", (name,))


def summaries(store: Store, name: str | None = None) -> list[dict[str, Any]]:
    """Count what each project holds, in the form of the UI's first page; "recent" is the last day."""
    since = queries.now() - 86_400
    where = Where()
    where.equals("name", name)
    with store.read() as connection:
        names = connection.execute(
            f"SELECT name, updated FROM projects WHERE {where.sql()} ORDER BY name", where.values
        ).fetchall()
        if name and not names:
            raise ApiError(404, f"Project not found: {name}")
        runs = connection.execute(
            "SELECT project, SUM(state = 'completed' AND start_time >= :since) AS completed,"
            " SUM(state IN ('error', 'aborted') AND start_time >= :since) AS failed,"
            " SUM(state IN ('running', 'pending', 'created')) AS running"
            " FROM runs WHERE iteration = 0 GROUP BY project",
            {"since": since},
        ).fetchall()
        kinds = connection.execute(
            "SELECT project, kind, COUNT(DISTINCT key) AS n FROM artifacts GROUP BY project, kind"
        ).fetchall()
    run_counts = {row["project"]: row for row in runs}
    kind_counts: dict[str, dict[str, int]] = {}
    for row in kinds:
        kind_counts.setdefault(row["project"], {})[row["kind"]] = row["n"]
    return [_summary(row, run_counts.get(row["name"]), kind_counts.get(row["name"], {})) for row in names]


def _summary(project: sqlite3.Row, runs: sqlite3.Row | None, kinds: dict[str, int]) -> dict[str, Any]:
    return {
        "name": project["name"],
        "updated": queries.to_iso(project["updated"]),
        "files_count": sum(n for kind, n in kinds.items() if kind not in (*_COUNTED_KINDS, "llm-prompt")),
        "llm_prompts_count": kinds.get("llm-prompt", 0),
        "runs_completed_recent_count": runs["completed"] if runs else 0,
        "runs_failed_recent_count": runs["failed"] if runs else 0,
        "runs_running_count": runs["running"] if runs else 0,
        **{name: kinds.get(kind, 0) for kind, name in _COUNTED_KINDS.items()},
        **dict.fromkeys(_NO_COUNTS, 0),
    }
