"""Tagging of artifacts that are stored already."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Any

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError, Where
from aletheia.tracking.resources import artifact_search, artifacts, projects
from aletheia.tracking.resources.artifact_selector import ArtifactSelector
from aletheia.tracking.store import Store


def _rows(connection: sqlite3.Connection, project: str, body: Any) -> list[sqlite3.Row]:
    """Find the artifacts that the identifiers of a request name."""
    identifiers = body.get("identifiers") if isinstance(body, dict) else None
    if not isinstance(identifiers, list) or not all(isinstance(item, dict) for item in identifiers):
        raise ApiError(422, "The body names the objects in a list 'identifiers'.")
    rows: dict[int, sqlite3.Row] = {}
    for item in identifiers:
        selector = ArtifactSelector.from_identifier(project, item)
        matches = _matches(connection, selector)
        if not matches and selector.uid and not selector.tree:
            # Early clients wrote the producer into the uid.
            matches = _matches(connection, replace(selector, uid=None, tree=selector.uid))
        rows.update({row["id"]: row for row in matches})
    return list(rows.values())


def _matches(connection: sqlite3.Connection, selector: ArtifactSelector) -> list[sqlite3.Row]:
    where = selector.where(pattern=True)
    return connection.execute(
        f"SELECT a.id, a.key, a.tree, a.iteration FROM artifacts AS a WHERE {where.sql()} ORDER BY a.updated, a.id",
        where.values,
    ).fetchall()


def put(store: Store, project: str, tag: str, body: Any, *, replace_others: bool) -> dict[str, Any]:
    """Tag artifacts; with ``replace_others`` their other tags are removed."""
    queries.check_tag(tag)
    with store.write() as connection:
        projects.ensure(connection, project)
        rows = _rows(connection, project, body)
        for row in rows:
            if replace_others:
                connection.execute("DELETE FROM artifact_tags WHERE artifact = ?", (row["id"],))
            target = ArtifactSelector(project, row["key"], tag=tag, iteration=row["iteration"], tree=row["tree"])
            artifacts.set_tag(connection, row["id"], target)
    return {"name": tag, "project": project}


def delete(store: Store, project: str, tag: str, body: Any) -> None:
    """Remove a tag from artifacts; artifacts without it stay as they are."""
    with store.write() as connection:
        for row in _rows(connection, project, body):
            connection.execute("DELETE FROM artifact_tags WHERE artifact = ? AND name = ?", (row["id"], tag))


def names(store: Store, project: str, category: str | None) -> list[str]:
    """List the tags of a project's artifacts, or of those of one category."""
    where = Where()
    where.project("a.project", project)
    artifact_search.of_category(where, category)
    with store.read() as connection:
        rows = connection.execute(
            "SELECT DISTINCT t.name FROM artifact_tags AS t JOIN artifacts AS a ON a.id = t.artifact"
            f" WHERE {where.sql()} ORDER BY t.name",
            where.values,
        ).fetchall()
    return [row["name"] for row in rows]
