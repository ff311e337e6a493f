"""Reading of artifacts: by key, tag, iteration and producer; listings; the artifacts of a run."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError, Page, Where, placeholders, select_paths
from aletheia.tracking.resources.artifact_selector import HAS_TAG, ArtifactSelector
from aletheia.tracking.store import Store

_CATEGORIES = ("model", "dataset", "document", "llm-prompt")  # every other kind belongs to the category "other"
_MINIMAL_FIELDS = (
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


class ArtifactFilters(BaseModel):
    """Query parameters of a listing, under the names that the client sends."""

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


def get(store: Store, selector: ArtifactSelector, format_: str = "full") -> dict[str, Any]:
    """Return one artifact; of several candidates the best iteration, and of those the newest.

    Iteration 0 of a hyper-parameter run has no rows of its own and gives the iteration that is marked as the best.

    Raises
    ------
    ApiError
        404 when no artifact matches.
    """
    if selector.tree and "^" in selector.tree:  # clients before 1.8 appended the uid to the tree
        tree, _, uid = selector.tree.partition("^")
        selector = replace(selector, tree=tree, uid=selector.uid or uid)
    tag, iteration = selector.tag, selector.iteration
    where = replace(selector, iteration=None).where()
    if tag and not (selector.uid and tag == "latest"):
        where.add(HAS_TAG, tag)
    with store.read() as connection:
        rows = connection.execute(
            f"SELECT a.*, {HAS_TAG} AS tagged FROM artifacts AS a WHERE {where.sql()}"
            " ORDER BY a.best_iteration DESC, a.updated DESC, a.id DESC",
            [tag or "", *where.values],
        ).fetchall()
    if iteration is not None:
        exact = [row for row in rows if row["iteration"] == iteration]
        rows = exact or [row for row in rows if iteration == 0 and row["best_iteration"]]
    if not rows:
        raise ApiError(404, f"Artifact {selector.project}/{selector.key}{selector.suffix} not found")
    body = queries.decode(rows[0]["body"])
    if tag and rows[0]["tagged"]:
        body["metadata"]["tag"] = tag
    return select_paths(body, _MINIMAL_FIELDS) if format_ == "minimal" else body


def of_category(where: Where, category: str | None) -> None:
    """Restrict ``artifacts AS a`` to a category, if one is given."""
    if category == "other":
        where.add(f"a.kind NOT IN ({placeholders(_CATEGORIES)})", *_CATEGORIES)
    else:
        where.equals("a.kind", category)


def conditions(filters: ArtifactFilters) -> Where:
    """Translate the filters to a condition on ``artifacts AS a``."""
    if filters.best_iteration and filters.iter is not None:
        raise ApiError(400, "Best iteration cannot be used when iter is specified")
    if filters.kind and filters.category:
        raise ApiError(400, "Category and kind filters can't be given together")
    where = Where()
    where.project("a.project", filters.project)
    where.name("a.key", filters.name)
    where.equals("a.kind", filters.kind)
    of_category(where, filters.category)
    where.labels("a.labels", filters.label)
    where.equals("a.iteration", filters.iter)
    where.equals("a.tree", filters.tree)
    if filters.producer_uri:
        where.add("instr(a.producer_uri, ?)", filters.producer_uri)
    if filters.parent:
        where.add("instr(a.parent_uri, ?)", filters.parent.removeprefix("store://"))
    if filters.best_iteration:
        where.add("a.best_iteration")
    where.between("a.updated", filters.since, filters.until)
    if filters.tag and filters.tag != "*":
        where.add(HAS_TAG, filters.tag)
    return where


def _select(connection: sqlite3.Connection, filters: ArtifactFilters, page: Page) -> tuple[list[dict[str, Any]], bool]:
    where = conditions(filters)
    sql, values = f"SELECT a.* FROM artifacts AS a WHERE {where.sql()}", where.values
    if filters.partition_by:
        sql, values = queries.partitioned(
            "SELECT a.* FROM artifacts AS a",
            where,
            by="key" if filters.partition_by == "name" else "project, key",
            sort=filters.partition_sort_by,
            order=filters.partition_order,
            rows=filters.rows_per_partition,
            partitions=0,
            tail="",
        )
    sql = (
        f"SELECT a.*, t.name AS tag FROM ({sql}) AS a LEFT JOIN artifact_tags AS t ON t.artifact = a.id"
        f" WHERE ? IN (t.name, '', '*') ORDER BY a.updated DESC, a.id DESC, t.name"
    )
    values = [*values, filters.tag or ""]
    if filters.limit:
        sql = f"SELECT * FROM ({sql} LIMIT {filters.limit})"
    rows, more = page.fetch(connection, sql, values)
    bodies = []
    for row in rows:
        body = queries.decode(row["body"])
        body["metadata"]["tag"] = row["tag"]  # null without a tag, which the client expects in a listing
        bodies.append(select_paths(body, _MINIMAL_FIELDS) if filters.format_ == "minimal" else body)
    return bodies, more


def list_page(store: Store, filters: ArtifactFilters, page: Page) -> tuple[list[dict[str, Any]], bool]:
    """Return the artifacts that match, once for each tag, last updated first, and whether more follow."""
    with store.read() as connection:
        return _select(connection, filters, page)


def of_run(connection: sqlite3.Connection, project: str, uid: str, iteration: int) -> list[dict[str, Any]]:
    """Return a run's artifacts, once for each tag: those of an iteration, or for iteration 0 of the best one."""
    filters = ArtifactFilters(project=project, tree=uid, iter=iteration or None, best_iteration=not iteration)
    return _select(connection, filters, Page())[0]


def by_uris(connection: sqlite3.Connection, project: str, uris: Any) -> list[dict[str, Any]]:
    """Return the artifacts that a run of a workflow refers to; their producer is the workflow, not the run."""
    bodies = []
    for uri in uris.values() if isinstance(uris, dict) else ():
        selector = ArtifactSelector.from_uri(str(uri), project)
        if selector is None:
            continue
        where = replace(selector, iteration=None).where()
        if not selector.uid:
            where.add("(a.iteration = ? OR (? = 0 AND a.best_iteration))", selector.iteration, selector.iteration)
        row = connection.execute(
            "SELECT a.body, (SELECT MIN(t.name) FROM artifact_tags AS t WHERE t.artifact = a.id) AS tag"
            f" FROM artifacts AS a WHERE {where.sql()} ORDER BY a.updated DESC LIMIT 1",
            where.values,
        ).fetchone()
        if row:
            body = queries.decode(row["body"])
            body["metadata"]["tag"] = selector.tag or row["tag"]
            bodies.append(body)
    return bodies
