"""Artifacts: versions by content, tags, iterations of a grid and the best among them.

An artifact is stored under its database key. One key holds many rows: versions (another content gives another
uid), and one row an iteration for a hyper-parameter run. A tag points at one row of each key and iteration,
and only at rows of one producer (the "tree": a run, or a workflow): when another run stores under the same
key and tag, the tag leaves all rows of the earlier one. Which iteration is the best is told by a *link*
artifact; it is not kept itself but sets a mark on the row that it names. Reading iteration 0 of a grid
therefore gives the best iteration's row.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from typing import Any

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError, Where
from aletheia.tracking.resources import artifact_search, projects
from aletheia.tracking.store import Store

# Fields that may be filled in later without making another version (as the client's classes declare them).
_NOT_CONTENT = {"db_key", "extra_data"}
_NOT_CONTENT_BY_KIND = {
    "table": {"schema", "header"},
    "dataset": {
        *("schema", "header", "length", "column_metadata", "features"),
        *("partition_keys", "timestamp_key", "label_column"),
    },
    "model": {
        *("metrics", "parameters", "inputs", "outputs"),
        *("feature_vector", "feature_weights", "feature_stats"),
    },
}


def content_uid(body: dict[str, Any]) -> str:
    """SHA-1 of what makes a version: all but labels, tags, dates and fields that are filled in later."""
    skipped = ("labels", "updated", "created", "tag", "uid")
    metadata = {k: v for k, v in body["metadata"].items() if k not in skipped}
    ignored = _NOT_CONTENT | _NOT_CONTENT_BY_KIND.get(body["kind"], set())
    spec = {k: v for k, v in body["spec"].items() if k not in ignored}
    content = {**body, "metadata": metadata, "spec": spec, "status": None}
    return hashlib.sha1(json.dumps(content, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def store_uri(body: dict[str, Any]) -> str:
    """The ``store://`` address of a stored artifact."""
    metadata, spec = body.get("metadata") or {}, body.get("spec") or {}
    kind = {"model": "models", "dataset": "datasets"}.get(body.get("kind", ""), "artifacts")
    uri = f"store://{kind}/{metadata.get('project', '')}/{spec.get('db_key') or metadata.get('key')}"
    uri += f"#{metadata.get('iter') or 0}"
    for mark, value in ((":", metadata.get("tag")), ("@", metadata.get("tree")), ("^", metadata.get("uid"))):
        uri += f"{mark}{value}" if value else ""
    return uri


def _prepare(project: str, key: str, body: Any, iteration: int | None, tree: str | None) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise ApiError(422, "An artifact is a JSON object.")
    for part in ("metadata", "spec"):
        if not isinstance(body.setdefault(part, {}), dict):
            raise ApiError(422, f"An artifact's {part} is a JSON object.")
    metadata = body["metadata"]
    if body.get("project", project) != project or metadata.get("project", project) not in (project, "", None):
        raise ApiError(400, f"Conflicting project name: the artifact names another one than {project}.")
    body["project"] = metadata["project"] = project
    body["kind"] = body.get("kind") or "artifact"
    metadata["key"] = metadata.get("key") or key
    metadata["iter"] = iteration or metadata.get("iter") or 0
    metadata["tree"] = metadata.get("tree") or tree or ""
    return body


def put(
    store: Store,
    project: str,
    key: str,
    body: Any,
    *,
    tag: str | None = None,
    iteration: int | None = None,
    tree: str | None = None,
    uid: str | None = None,
    create: bool = False,
) -> dict[str, Any]:
    """Store an artifact and give it a tag (``latest`` when none is named); returns it as stored.

    Parameters
    ----------
    key
        Database key: for artifacts of runs ``<run name>_<artifact key>``.
    iteration, tree
        Iteration of a grid; the producer: uid of a run or of a workflow.
    uid
        Version that the caller means to update; 400 when the content is another one.
    create
        Refuse (409) when this version exists.
    """
    queries.check_key(key)
    body = _prepare(project, key, body, iteration, tree)
    iteration = int(iteration if iteration is not None else body["metadata"]["iter"])
    tree = str(tree or body["metadata"]["tree"])
    tag = tag or body["metadata"].get("tag") or "latest"
    queries.check_tag(str(tag))
    with store.write() as connection:
        projects.ensure(connection, project)
        if body["kind"] == "link":
            return _mark_best(connection, project, key, body, tree)
        version = content_uid(body)
        if uid and uid != version:
            raise ApiError(400, "Changing uid for an object referenced by its uid")
        row = connection.execute(
            "SELECT id, created, best_iteration FROM artifacts WHERE project = ? AND key = ? AND uid = ?",
            (project, key, version),
        ).fetchone()
        if row and create:
            raise ApiError(409, f"Adding an already-existing artifact - {project}/{key}:{tag}")
        identifier = _save(connection, row, (project, key, version), body, iteration, tree)
        set_tag(connection, project, identifier, key, tree, iteration, str(tag))
        if not row and tag != "latest":
            set_tag(connection, project, identifier, key, tree, iteration, "latest")
    body["metadata"]["tag"] = tag
    return body


def _save(
    connection: sqlite3.Connection,
    row: sqlite3.Row | None,
    key: tuple[str, str, str],
    body: dict[str, Any],
    iteration: int,
    tree: str,
) -> int:
    moment = queries.now()
    metadata, spec = body["metadata"], body["spec"]
    created = row["created"] if row else queries.parse_time(metadata.get("created")) or moment
    metadata.update(uid=key[2], created=queries.to_iso(created), updated=queries.to_iso(moment))
    metadata.pop("tag", None)  # kept aside: a row may have several
    spec["db_key"] = spec.get("db_key") or key[1]
    queries.check_key(str(spec["db_key"]))
    return connection.execute(
        "INSERT INTO artifacts (project, key, uid, iteration, tree, kind, producer_uri, parent_uri,"
        " best_iteration,"
        " created, updated, labels, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (project, key, uid) DO UPDATE SET kind = excluded.kind, producer_uri ="
        " excluded.producer_uri,"
        " parent_uri = excluded.parent_uri, updated = excluded.updated, labels = excluded.labels,"
        " body = excluded.body RETURNING id",
        (
            *key,
            iteration,
            tree,
            str(body["kind"]),
            str(queries.get_in(spec, "producer.uri", "")),
            str(spec.get("parent_uri") or ""),
            int(iteration == 0),  # what is no iteration of a grid is the best of its kind
            created,
            moment,
            queries.encode_labels(metadata.get("labels")),
            queries.encode(body),
        ),
    ).fetchone()["id"]


def set_tag(
    connection: sqlite3.Connection,
    project: str,
    identifier: int,
    key: str,
    tree: str,
    iteration: int,
    tag: str,
) -> None:
    """Point a tag at a row, and away from rows of its key of other producers or the same iteration."""
    connection.execute(
        "DELETE FROM artifact_tags WHERE name = ? AND artifact IN"
        " (SELECT id FROM artifacts WHERE project = ? AND key = ? AND (tree != ? OR iteration = ?))",
        (tag, project, key, tree, iteration),
    )
    connection.execute("INSERT INTO artifact_tags (artifact, name) VALUES (?, ?)", (identifier, tag))


def _mark_best(
    connection: sqlite3.Connection, project: str, key: str, link: dict[str, Any], tree: str
) -> dict[str, Any]:
    spec = link["spec"]
    iteration, key = spec.get("link_iteration"), spec.get("link_key") or key
    tree = spec.get("link_tree") or tree
    rows = connection.execute(
        "SELECT id, iteration, body FROM artifacts WHERE project = ? AND key = ? AND tree = ? ORDER BY"
        " updated DESC, id DESC",
        (project, key, tree),
    ).fetchall()
    best = next((row for row in rows if row["iteration"] == iteration), None)
    if best is None:
        raise ApiError(404, f"Best iteration artifact not found - {project}/{key}:{iteration}")
    connection.execute(
        "UPDATE artifacts SET best_iteration = (id = ?) WHERE project = ? AND key = ? AND tree = ?",
        (best["id"], project, key, tree),
    )
    return json.loads(best["body"])


def delete(
    store: Store,
    project: str,
    key: str,
    *,
    tag: str | None,
    iteration: int | None,
    tree: str | None,
    uid: str | None,
) -> None:
    """Delete the rows of a key that match; what does not exist is no error. Files stay where they are."""
    where = Where()
    where.add("project = ? AND key = ?", project, key)
    where.equals("iteration", iteration)
    where.equals("tree", tree)
    where.equals("uid", uid)
    if tag and tag != "*" and not uid:
        where.add("id IN (SELECT artifact FROM artifact_tags WHERE name = ?)", tag)
    with store.write() as connection:
        connection.execute(f"DELETE FROM artifacts WHERE {where.sql()}", where.values)


def delete_many(store: Store, filters: artifact_search.ArtifactFilters) -> None:
    """Delete all artifacts that match."""
    where = artifact_search.conditions(filters)
    with store.write() as connection:
        connection.execute(
            f"DELETE FROM artifacts WHERE id IN (SELECT a.id FROM artifacts AS a WHERE {where.sql()})",
            where.values,
        )
