"""Functions: versions by content hash, and tags that point at one version each."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError, Page, Where, select_paths
from aletheia.tracking.resources import projects
from aletheia.tracking.store import Store

_MINIMAL_FIELDS = (
    "kind",
    "metadata",
    "status",
    "spec.description",
    "spec.command",
    "spec.image",
    "spec.default_handler",
    "spec.default_class",
    "spec.graph",
    "spec.preemption_mode",
    "spec.node_selector",
    "spec.priority_class_name",
)


_COPY = "local"  # kind of the copies of functions that the client runs on this machine


class FunctionFilters(BaseModel):
    """Query parameters of a listing, under the names that the client sends."""

    model_config = ConfigDict(populate_by_name=True)

    project: str = ""
    name: str | None = None
    tag: str | None = None
    kind: str | None = None
    label: list[str] = []
    state: list[str] = []
    hash_key: str | None = None
    since: str | None = None
    until: str | None = None
    format_: str = Field("full", alias="format", pattern="^(full|minimal)$")


def normalise(name: str) -> str:
    """Convert a function's name to the form in which the client stores it: lower case, with hyphens."""
    return re.sub(r"\s+", "-", name).replace("_", "-").lower()


def content_hash(body: dict[str, Any]) -> str:
    """Return the SHA-1 of a function without tag, hash, state and dates: the same source gives the same version."""
    ignored = ("tag", "hash", "updated", "created")
    metadata = {name: value for name, value in body["metadata"].items() if name not in ignored}
    text = json.dumps({**body, "metadata": metadata, "status": None}, sort_keys=True)
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def put(store: Store, project: str, name: str, body: Any, tag: str | None, versioned: bool) -> str:
    """Store a function and return its hash.

    With ``versioned`` every content is kept under its hash; otherwise each tag has one record, which is overwritten.
    The tag moves to the version that was stored last; but from a function of a project not to the copy that the client
    makes of it to run it on this machine, which has no handler and no image, and may be named after the run.
    """
    if not isinstance(body, dict) or not isinstance(body.setdefault("metadata", {}), dict):
        raise ApiError(400, "A function is a JSON object with metadata.")
    queries.check_length(name, "A function's name")
    metadata = body["metadata"]
    tag = tag or metadata.get("tag") or "latest"
    queries.check_tag(str(tag))
    _forget_temporary_file(body, name)
    hash_key = content_hash(body)
    if metadata.setdefault("name", name) != name:
        raise ApiError(400, f"The body names function {metadata['name']!r}, the address {name!r}.")
    uid = hash_key if versioned else f"unversioned-{tag}"
    moment = queries.now()
    # Tags have a table of their own, since another version may take them.
    metadata.update({"hash": hash_key, "tag": "", "updated": queries.to_iso(moment), "project": project})
    with store.write() as connection:
        projects.ensure(connection, project)
        row = connection.execute(
            "INSERT INTO functions (project, name, uid, kind, state, updated, labels, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (project, name, uid) DO UPDATE SET kind = excluded.kind, state = excluded.state,"
            " updated = excluded.updated, labels = excluded.labels, body = excluded.body RETURNING id",
            (
                project,
                name,
                uid,
                str(body.get("kind") or ""),
                str(queries.get_in(body, "status.state", "")),
                moment,
                queries.encode_labels(metadata.get("labels")),
                queries.encode(body),
            ),
        ).fetchone()
        if body.get("kind") != _COPY or not (
            _is_tagged(connection, project, name, tag) or _is_copy(connection, project, body)
        ):
            connection.execute(
                "INSERT INTO function_tags (project, function, name, id) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (project, function, name) DO UPDATE SET id = excluded.id",
                (project, name, tag, row["id"]),
            )
    return hash_key


def _is_tagged(connection: sqlite3.Connection, project: str, name: str, tag: str) -> bool:
    """Whether a tag is that of a function that is no local copy."""
    sql = (
        "SELECT f.kind FROM function_tags AS t JOIN functions AS f ON f.id = t.id"
        " WHERE t.project = ? AND t.function = ? AND t.name = ?"
    )
    row = connection.execute(sql, (project, name, tag)).fetchone()
    return row is not None and row["kind"] != _COPY


def _is_copy(connection: sqlite3.Connection, project: str, body: dict[str, Any]) -> bool:
    """Whether the source of a function that ran on this machine is that of a function of the project."""
    code = queries.get_in(body, "spec.build.functionSourceCode")
    sql = (
        "SELECT 1 FROM functions WHERE project = ? AND kind != ?"
        " AND CASE WHEN json_valid(body) THEN json_extract(body, '$.spec.build.functionSourceCode') END = ?"
    )
    return bool(code) and connection.execute(sql, (project, _COPY, code)).fetchone() is not None


def _forget_temporary_file(body: dict[str, Any], name: str) -> None:
    """Name a local copy's file after the function: the client's own is gone after the run, and makes a new version."""
    command = queries.get_in(body, "spec.command", "")
    is_copy = body.get("kind") == _COPY and queries.get_in(body, "spec.build.functionSourceCode")
    if is_copy and isinstance(command, str) and Path(command).is_relative_to(tempfile.gettempdir()):
        body["spec"]["command"] = f"{name}.py"


def _find(connection: sqlite3.Connection, project: str, name: str, tag: str, hash_key: str) -> dict[str, Any] | None:
    if hash_key and not tag:
        row = connection.execute(
            "SELECT body FROM functions WHERE project = ? AND name = ? AND uid = ?", (project, name, hash_key)
        ).fetchone()
        return queries.decode(row["body"]) if row else None
    row = connection.execute(
        "SELECT f.body FROM function_tags AS t JOIN functions AS f ON f.id = t.id"
        " WHERE t.project = ? AND t.function = ? AND t.name = ?",
        (project, name, tag or "latest"),
    ).fetchone()
    if row is None:
        return None
    body = queries.decode(row["body"])
    body["metadata"]["tag"] = tag or "latest"
    return body


def get(
    store: Store, project: str, name: str, tag: str = "", hash_key: str = "", format_: str = "full"
) -> dict[str, Any]:
    """Return one version of a function, by tag (``latest`` when none is given) or by hash; 404 if there is none."""
    with store.read() as connection:
        for candidate in dict.fromkeys((normalise(name), name)):
            body = _find(connection, project, candidate, tag, hash_key)
            if body is not None:
                return select_paths(body, _MINIMAL_FIELDS) if format_ == "minimal" else body
    version = f"@{hash_key}" if hash_key and not tag else f":{tag or 'latest'}"
    raise ApiError(404, f"Function not found {project}/{name}{version}")


def list_page(store: Store, filters: FunctionFilters, page: Page) -> tuple[list[dict[str, Any]], bool]:
    """Return the functions that match, once for each of their tags, newest first, and whether more follow.

    The copies of a project's functions that ran on this machine, which have no tag, are found by hash or kind alone.
    """
    where = Where()
    if not (filters.hash_key or filters.kind):
        where.add(f"(f.kind != '{_COPY}' OR t.name IS NOT NULL)")
    where.project("f.project", filters.project)
    where.name("f.name", normalise(filters.name) if filters.name else None)
    where.equals("f.kind", filters.kind)
    where.any_of("f.state", filters.state)
    where.labels("f.labels", filters.label)
    where.between("f.updated", filters.since, filters.until)
    where.equals("f.uid", filters.hash_key)
    if filters.tag == "*":
        where.add("t.name IS NOT NULL")
    else:
        where.equals("t.name", filters.tag)
    with store.read() as connection:
        rows, more = page.fetch(
            connection,
            "SELECT f.body, t.name AS tag FROM functions AS f LEFT JOIN function_tags AS t ON t.id = f.id"
            f" WHERE {where.sql()} ORDER BY f.updated DESC, f.id DESC, t.name",
            where.values,
        )
    bodies = []
    for row in rows:
        body = queries.decode(row["body"])
        if row["tag"] is None:
            body["status"] = None  # only a tagged version has a state of its own
        else:
            body["metadata"]["tag"] = row["tag"]
        bodies.append(select_paths(body, _MINIMAL_FIELDS) if filters.format_ == "minimal" else body)
    return bodies, more


def delete(store: Store, project: str, name: str) -> None:
    """Delete all versions of a function; it is no error if there is none."""
    with store.write() as connection:
        for candidate in dict.fromkeys((normalise(name), name)):
            connection.execute("DELETE FROM functions WHERE project = ? AND name = ?", (project, candidate))
