"""Reading artifacts: one by key, tag, iteration and producer; listings; those of a run."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError, Page, Where
from aletheia.tracking.resources.functions import minimal
from aletheia.tracking.store import Store

CATEGORIES = ("model", "dataset", "document", "llm-prompt", "other")
_MINIMAL = (
    "kind",
    "metadata",
    "status.state",
    "project",
    "spec.producer",
    "spec.db_key",
    "spec.size",
    "spec.framework",
    "spec.algorithm",
    "spec.metrics",
    "spec.target_path",
    "spec.parent_uri",
    "spec.has_children",
)
_URI = re.compile(
    r"(?:store://[a-z-]+/)?(?:(?P<project>[^/]+)/)?(?P<key>[^#:@^]+)"
    r"(?:#(?P<iteration>\d+))?(?::(?P<tag>[^@^]*))?(?:@(?P<tree>[^^]*))?(?:\^(?P<uid>.*))?"
)


class ArtifactFilters(BaseModel):
    """The query of a listing, by the names that the client sends."""

    model_config = ConfigDict(populate_by_name=True)

    project: str = ""
    name: str | None = None
    tag: str | None = None
    kind: str | None = None
    category: str | None = Field(None, pattern="^(model|dataset|document|llm-prompt|other|)$")
    label: list[str] = []
    iter: int | None = Field(None, ge=0)
    tree: str | None = None
    producer_uri: str | None = None
    best_iteration: bool = Field(False, alias="best-iteration")
    parent: str | None = None
    since: str | None = None
    until: str | None = None
    format_: str = Field("full", alias="format", pattern="^(full|minimal)$")
    limit: int = Field(0, ge=0)
    partition_by: str | None = Field(None, alias="partition-by", pattern="^(name|project_and_name)$")
    rows_per_partition: int = Field(1, alias="rows-per-partition", gt=0)
    partition_sort_by: str = Field("updated", alias="partition-sort-by", pattern="^(created|updated)$")
    partition_order: str = Field("desc", alias="partition-order", pattern="^(asc|desc)$")


def get(
    store: Store,
    project: str,
    key: str,
    *,
    tag: str | None = None,
    iteration: int | None = None,
    tree: str | None = None,
    uid: str | None = None,
    format_: str = "full",
) -> dict[str, Any]:
    """One artifact; of several candidates the best iteration, and of those the newest.

    Iteration 0 of a grid has rows of its iterations only, and gives the one that is marked as the best.
    """
    if tree and "^" in tree:  # how clients before 1.8 wrote the uid
        tree, _, inline = tree.partition("^")
        uid = uid or inline
    where = Where()
    where.add("a.project = ? AND a.key = ?", project, key)
    where.equals("a.uid", uid)
    where.equals("a.tree", tree)
    if tag and not (uid and tag == "latest"):
        where.add("EXISTS (SELECT 1 FROM artifact_tags AS t WHERE t.artifact = a.id AND t.name = ?)", tag)
    with store.read() as connection:
        rows = connection.execute(
            "SELECT a.*, EXISTS (SELECT 1 FROM artifact_tags AS t WHERE t.artifact = a.id AND t.name = ?)"
            " AS tagged"
            f" FROM artifacts AS a WHERE {where.sql()} ORDER BY a.best_iteration DESC, a.updated DESC, a.id"
            " DESC",
            [tag or "", *where.values],
        ).fetchall()
    if iteration is not None:
        exact = [row for row in rows if row["iteration"] == iteration]
        rows = exact or [row for row in rows if iteration == 0 and row["best_iteration"]]
    if not rows:
        which = "".join(
            f"{mark}{value}" for mark, value in (("#", iteration), (":", tag), ("@", tree), ("^", uid)) if value
        )
        raise ApiError(404, f"Artifact {project}/{key}{which} not found")
    body = json.loads(rows[0]["body"])
    if tag and rows[0]["tagged"]:
        body["metadata"]["tag"] = tag
    return minimal(body, _MINIMAL) if format_ == "minimal" else body


def conditions(f: ArtifactFilters) -> Where:
    """The filters as SQL on ``artifacts AS a``."""
    if f.best_iteration and f.iter is not None:
        raise ApiError(400, "Best iteration cannot be used when iter is specified")
    if f.kind and f.category:
        raise ApiError(400, "Category and kind filters can't be given together")
    where = Where()
    where.project("a.project", f.project)
    where.name("a.key", f.name)
    where.equals("a.kind", f.kind)
    if f.category == "other":
        named = CATEGORIES[:-1]
        where.add(f"a.kind NOT IN ({','.join('?' * len(named))})", *named)
    else:
        where.equals("a.kind", f.category)
    where.labels("a.labels", f.label)
    where.equals("a.iteration", f.iter)
    where.equals("a.tree", f.tree)
    if f.producer_uri:
        where.add("instr(a.producer_uri, ?)", f.producer_uri)
    if f.parent:
        where.add("instr(a.parent_uri, ?)", f.parent.removeprefix("store://"))
    if f.best_iteration:
        where.add("a.best_iteration")
    where.between("a.updated", f.since, f.until)
    if f.tag and f.tag != "*":
        where.add("EXISTS (SELECT 1 FROM artifact_tags AS t WHERE t.artifact = a.id AND t.name = ?)", f.tag)
    return where


def _select(connection: sqlite3.Connection, f: ArtifactFilters, page: Page) -> tuple[list[dict[str, Any]], bool]:
    where = conditions(f)
    sql, values = f"SELECT a.* FROM artifacts AS a WHERE {where.sql()}", where.values
    if f.partition_by:
        sql, values = queries.partitioned(
            "SELECT a.* FROM artifacts AS a",
            where,
            by="key" if f.partition_by == "name" else "project, key",
            sort=f.partition_sort_by,
            order=f.partition_order,
            rows=f.rows_per_partition,
            partitions=0,
            tail="",
        )
    sql = (
        f"SELECT a.*, t.name AS tag FROM ({sql}) AS a LEFT JOIN artifact_tags AS t ON t.artifact = a.id"
        f" WHERE ? IN (t.name, '', '*') ORDER BY a.updated DESC, a.id DESC, t.name"
    )
    values = [*values, f.tag or ""]
    if f.limit:
        sql = f"SELECT * FROM ({sql} LIMIT {f.limit})"
    rows, more = page.fetch(connection, sql, values)
    answer = []
    for row in rows:
        body = json.loads(row["body"])
        body["metadata"]["tag"] = row["tag"]
        answer.append(minimal(body, _MINIMAL) if f.format_ == "minimal" else body)
    return answer, more


def list_page(store: Store, filters: ArtifactFilters, page: Page) -> tuple[list[dict[str, Any]], bool]:
    """Artifacts that match, once for each of their tags, last updated first; also whether more follow."""
    with store.read() as connection:
        return _select(connection, filters, page)


def of_run(connection: sqlite3.Connection, project: str, uid: str, iteration: int) -> list[dict[str, Any]]:
    """Artifacts of a run, once for each tag: of an iteration, or for iteration 0 those marked as best."""
    filters = ArtifactFilters(project=project, tree=uid, iter=iteration or None, best_iteration=not iteration)
    return _select(connection, filters, Page())[0]


def by_uris(connection: sqlite3.Connection, project: str, uris: Any) -> list[dict[str, Any]]:
    """Artifacts that a run of a workflow refers to (their producer is the workflow, not the run)."""
    found: list[dict[str, Any]] = []
    for uri in uris.values() if isinstance(uris, dict) else ():
        match = _URI.fullmatch(str(uri))
        if not match:
            continue
        where = Where()
        where.add("a.project = ? AND a.key = ?", match["project"] or project, match["key"])
        where.equals("a.tree", match["tree"])
        where.equals("a.uid", match["uid"])
        if not match["uid"]:
            where.add("a.iteration = ? OR (? = 0 AND a.best_iteration)", *[int(match["iteration"] or 0)] * 2)
        row = connection.execute(
            "SELECT a.body, (SELECT MIN(t.name) FROM artifact_tags AS t WHERE t.artifact = a.id) AS tag"
            f" FROM artifacts AS a WHERE ({') AND ('.join(where.parts)}) ORDER BY a.updated DESC LIMIT 1",
            where.values,
        ).fetchone()
        if row:
            body = json.loads(row["body"])
            body["metadata"]["tag"] = match["tag"] or row["tag"]
            found.append(body)
    return found
