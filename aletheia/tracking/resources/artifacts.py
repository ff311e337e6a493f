"""Artifacts: versions by content, tags, iterations of a hyper-parameter run and the best among them.

An artifact is stored under its database key. A key has many rows: one for each version (another content gives
another uid), and for a hyper-parameter run one for each iteration. A tag points at one row of each key and iteration,
and only at rows of one producer (the "tree": a run, or a workflow): when another run stores under the same key and
tag, the tag is taken from all rows of the earlier one. A *link* artifact names the best iteration; it is not kept
itself but marks the row that it names. Reading iteration 0 of a hyper-parameter run therefore gives the row of the
best iteration.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import replace
from typing import Any

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError
from aletheia.tracking.resources import artifact_search, model_versions, projects
from aletheia.tracking.resources.artifact_selector import HAS_TAG, ArtifactSelector
from aletheia.tracking.store import Store

# Fields that may be filled in later without making another version, as the client's classes declare them.
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
    """Return the SHA-1 of the content: all but labels, tags, dates and fields that are filled in later."""
    not_content = ("labels", "updated", "created", "tag", "uid")
    metadata = {name: value for name, value in body["metadata"].items() if name not in not_content}
    ignored = _NOT_CONTENT | _NOT_CONTENT_BY_KIND.get(body["kind"], set())
    spec = {name: value for name, value in body["spec"].items() if name not in ignored}
    content = {**body, "metadata": metadata, "spec": spec, "status": None}
    return hashlib.sha1(json.dumps(content, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def _normalise(selector: ArtifactSelector, body: Any) -> dict[str, Any]:
    """Check the form of an artifact and fill in its project, key, kind, iteration and producer."""
    if not isinstance(body, dict):
        raise ApiError(422, "An artifact is a JSON object.")
    for part in ("metadata", "spec"):
        if not isinstance(body.setdefault(part, {}), dict):
            raise ApiError(422, f"An artifact's {part} is a JSON object.")
    metadata, project = body["metadata"], selector.project
    if body.get("project", project) != project or metadata.get("project", project) not in (project, "", None):
        raise ApiError(400, f"Conflicting project name: the artifact names another one than {project}.")
    body["project"] = metadata["project"] = project
    body["kind"] = body.get("kind") or "artifact"
    metadata["key"] = metadata.get("key") or selector.key
    metadata["iter"] = selector.iteration or metadata.get("iter") or 0
    metadata["tree"] = metadata.get("tree") or selector.tree or ""
    return body


def put(store: Store, selector: ArtifactSelector, body: Any, *, create: bool = False) -> dict[str, Any]:
    """Store an artifact, give it a tag (``latest`` when none is named) and return it as stored.

    Parameters
    ----------
    store
        The database.
    selector
        Project and key; if given, also tag, iteration and producer, which else are read from the body, and the
        version that the caller means to update.
    body
        The artifact.
    create
        Refuse (409) when this version exists.

    Raises
    ------
    ApiError
        400 or 422 when it is malformed or the content is not that of the named version; 404 when the project, or the
        iteration that a link names, does not exist.
    """
    queries.check_key(selector.key or "")
    artifact = _normalise(selector, body)
    metadata = artifact["metadata"]
    target = replace(
        selector,
        tag=str(selector.tag or metadata.get("tag") or "latest"),
        iteration=int(selector.iteration if selector.iteration is not None else metadata["iter"]),
        tree=str(selector.tree or metadata["tree"]),
    )
    queries.check_tag(str(target.tag))
    with store.write() as connection:
        projects.ensure(connection, target.project)
        if artifact["kind"] == "link":
            return _mark_best(connection, target, artifact)
        version = content_uid(artifact)
        if target.uid and target.uid != version:
            raise ApiError(400, "Changing uid for an object referenced by its uid")
        target = replace(target, uid=version)
        row = connection.execute(
            "SELECT id, created, best_iteration FROM artifacts WHERE project = ? AND key = ? AND uid = ?",
            (target.project, target.key, target.uid),
        ).fetchone()
        if row and create:
            raise ApiError(409, f"Adding an already-existing artifact - {target.project}/{target.key}:{target.tag}")
        identifier = _save(connection, row, target, artifact)
        set_tag(connection, identifier, target)
        if not row and target.tag != "latest":
            set_tag(connection, identifier, replace(target, tag="latest"))
    metadata["tag"] = target.tag
    return artifact


def _save(
    connection: sqlite3.Connection, row: sqlite3.Row | None, target: ArtifactSelector, body: dict[str, Any]
) -> int:
    """Insert or overwrite the row of a version; return its id."""
    moment = queries.now()
    metadata, spec = body["metadata"], body["spec"]
    created = row["created"] if row else queries.parse_time(metadata.get("created")) or moment
    metadata.update(uid=target.uid, created=queries.to_iso(created), updated=queries.to_iso(moment))
    metadata.pop("tag", None)  # a row may have several; they have a table of their own
    spec["db_key"] = spec.get("db_key") or target.key
    queries.check_key(str(spec["db_key"]))
    stored = connection.execute(
        "INSERT INTO artifacts (project, key, uid, iteration, tree, kind, producer_uri, parent_uri, best_iteration,"
        " created, updated, labels, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (project, key, uid) DO UPDATE SET kind = excluded.kind, producer_uri ="
        " excluded.producer_uri,"
        " parent_uri = excluded.parent_uri, updated = excluded.updated, labels = excluded.labels,"
        " body = excluded.body RETURNING id",
        (
            target.project,
            target.key,
            target.uid,
            target.iteration,
            target.tree,
            str(body["kind"]),
            str(queries.get_in(spec, "producer.uri", "")),
            str(spec.get("parent_uri") or ""),
            int(target.iteration == 0),  # outside of a hyper-parameter run there is nothing better
            created,
            moment,
            queries.encode_labels(metadata.get("labels")),
            queries.encode(body),
        ),
    ).fetchone()
    return int(stored["id"])


def set_tag(connection: sqlite3.Connection, identifier: int, target: ArtifactSelector) -> None:
    """Point a tag at a row, and away from rows of its key which have another producer or the same iteration.

    Parameters
    ----------
    connection
        Inside a transaction.
    identifier
        Id of the row.
    target
        Its project, key, producer and iteration, and the tag.
    """
    connection.execute(
        "DELETE FROM artifact_tags WHERE name = ? AND artifact IN"
        " (SELECT id FROM artifacts WHERE project = ? AND key = ? AND (tree != ? OR iteration = ?))",
        (target.tag, target.project, target.key, target.tree, target.iteration),
    )
    connection.execute("INSERT INTO artifact_tags (artifact, name) VALUES (?, ?)", (identifier, target.tag))
    model_versions.note_tag(connection, identifier, str(target.tag))


def _mark_best(connection: sqlite3.Connection, target: ArtifactSelector, link: dict[str, Any]) -> dict[str, Any]:
    """Mark the row that a link names as the best iteration; return its artifact."""
    spec, project = link["spec"], target.project
    iteration = spec.get("link_iteration")
    key, tree = spec.get("link_key") or target.key, spec.get("link_tree") or target.tree
    rows = connection.execute(
        "SELECT id, iteration, body FROM artifacts WHERE project = ? AND key = ? AND tree = ?"
        " ORDER BY updated DESC, id DESC",
        (project, key, tree),
    ).fetchall()
    best = next((row for row in rows if row["iteration"] == iteration), None)
    if best is None:
        raise ApiError(404, f"Best iteration artifact not found - {project}/{key}:{iteration}")
    connection.execute(
        "UPDATE artifacts SET best_iteration = (id = ?) WHERE project = ? AND key = ? AND tree = ?",
        (best["id"], project, key, tree),
    )
    return queries.decode(best["body"])


def delete(store: Store, selector: ArtifactSelector) -> None:
    """Delete the rows of a key that match; none matching is no error. Files stay where they are."""
    where = selector.where()
    if selector.tag and selector.tag != "*" and not selector.uid:
        where.add(HAS_TAG, selector.tag)
    with store.write() as connection:
        connection.execute(f"DELETE FROM artifacts AS a WHERE {where.sql()}", where.values)


def delete_many(store: Store, filters: artifact_search.ArtifactFilters) -> None:
    """Delete all artifacts that match."""
    where = artifact_search.conditions(filters)
    with store.write() as connection:
        connection.execute(f"DELETE FROM artifacts AS a WHERE {where.sql()}", where.values)
