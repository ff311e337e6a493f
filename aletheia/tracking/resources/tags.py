"""Tags that are put on, or taken from, artifacts which exist already."""

from __future__ import annotations

import sqlite3
from typing import Any

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError, Where
from aletheia.tracking.resources import artifact_search, artifacts, projects
from aletheia.tracking.store import Store


def _rows(connection: sqlite3.Connection, project: str, body: Any) -> list[sqlite3.Row]:
    """The artifacts that a request's identifiers (key, kind, iter, uid, producer_id) name."""
    identifiers = body.get("identifiers") if isinstance(body, dict) else None
    if not isinstance(identifiers, list) or not all(isinstance(item, dict) for item in identifiers):
        raise ApiError(422, "The body names the objects in a list 'identifiers'.")
    found: dict[int, sqlite3.Row] = {}
    for item in identifiers:
        if not any(item.get(name) for name in ("key", "kind", "uid", "producer_id")):
            raise ApiError(400, "An identifier needs a key, kind, uid or producer_id.")
        # Early versions wrote the producer into the uid, so a uid that is none is looked up as a producer.
        for uid_column in ("uid", "tree"):
            where = Where()
            where.add("project = ?", project)
            where.name("key", item.get("key"))
            where.equals("kind", item.get("kind"))
            where.equals("iteration", item.get("iter"))
            where.equals("tree", item.get("producer_id"))
            where.equals(uid_column, item.get("uid"))
            rows = connection.execute(
                f"SELECT id, key, tree, iteration FROM artifacts WHERE {where.sql()} ORDER BY updated, id",
                where.values,
            ).fetchall()
            found.update({row["id"]: row for row in rows})
            if rows or not item.get("uid") or item.get("producer_id"):
                break
    return list(found.values())


def put(store: Store, project: str, tag: str, body: Any, *, replace: bool) -> dict[str, Any]:
    """Put a tag on artifacts; with ``replace`` their other tags go."""
    queries.check_tag(tag)
    with store.write() as connection:
        projects.ensure(connection, project)
        rows = _rows(connection, project, body)
        for row in rows:
            if replace:
                connection.execute("DELETE FROM artifact_tags WHERE artifact = ?", (row["id"],))
            artifacts.set_tag(connection, project, row["id"], row["key"], row["tree"], row["iteration"], tag)
    return {"name": tag, "project": project}


def delete(store: Store, project: str, tag: str, body: Any) -> None:
    """Take a tag from artifacts; where it is not, nothing happens."""
    with store.write() as connection:
        for row in _rows(connection, project, body):
            connection.execute("DELETE FROM artifact_tags WHERE artifact = ? AND name = ?", (row["id"], tag))


def names(store: Store, project: str, category: str | None) -> list[str]:
    """All tags of a project's artifacts, of one category when given."""
    where = Where()
    where.project("a.project", project)
    if category == "other":
        named = artifact_search.CATEGORIES[:-1]
        where.add(f"a.kind NOT IN ({','.join('?' * len(named))})", *named)
    else:
        where.equals("a.kind", category)
    with store.read() as connection:
        rows = connection.execute(
            "SELECT DISTINCT t.name FROM artifact_tags AS t JOIN artifacts AS a ON a.id = t.artifact"
            f" WHERE {where.sql()} ORDER BY t.name",
            where.values,
        ).fetchall()
    return [row["name"] for row in rows]
