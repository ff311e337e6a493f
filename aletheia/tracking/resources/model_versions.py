"""Versions of registered models that were ever claimed, and which model was in production since when.

MLRun keeps neither: a tag that was moved or deleted leaves no trace. Both tables only grow while the project lives, so
that a version is never given twice, and what production answered from stays known after the model was deleted.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError
from aletheia.tracking.resources import projects
from aletheia.tracking.resources.artifact_selector import HAS_TAG
from aletheia.tracking.store import Store

PRODUCTION = "production"
_VERSION = re.compile(r"v(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")


def listing(store: Store, project: str, key: str) -> dict[str, Any]:
    """Return the claimed versions, in the order of their claims, and the changes of production, the first one first."""
    with store.read() as connection:
        versions = connection.execute(
            "SELECT version, recipe, claimed FROM model_versions WHERE project = ? AND key = ? ORDER BY claimed",
            (project, key),
        ).fetchall()
        changes = connection.execute(
            "SELECT uid, version, moment FROM production_changes WHERE project = ? AND key = ? ORDER BY id",
            (project, key),
        ).fetchall()
    return {
        "versions": [{**dict(row), "claimed": queries.to_iso(row["claimed"])} for row in versions],
        "production": [{**dict(row), "moment": queries.to_iso(row["moment"])} for row in changes],
    }


def claim(store: Store, project: str, key: str, body: Any) -> dict[str, str]:
    """Note a version as given, for ever.

    Parameters
    ----------
    store, project, key
        The database, and the models that the version is one of.
    body
        ``version``, as v1.2.3, and ``recipe``: any text of up to 255 characters, kept with it.

    Raises
    ------
    ApiError
        422 when it is no version; 409 when it was claimed before, or a model has it as a tag.
    """
    queries.check_key(key)
    version, recipe = (body.get(name, "") if isinstance(body, dict) else None for name in ("version", "recipe"))
    if not isinstance(version, str) or not _VERSION.fullmatch(version) or not isinstance(recipe, str):
        raise ApiError(422, "A claim needs a version such as v1.2.3, and its recipe as a text.")
    queries.check_length(recipe, "The recipe")
    with store.write() as connection:
        projects.ensure(connection, project)
        tagged = connection.execute(
            f"SELECT 1 FROM artifacts AS a WHERE a.project = ? AND a.key = ? AND {HAS_TAG}", (project, key, version)
        ).fetchone()
        done = connection.execute(
            "INSERT INTO model_versions (project, key, version, recipe, claimed) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (project, key, version, recipe, queries.now()),
        )
        if tagged or not done.rowcount:
            raise ApiError(409, f"Version {version} of {project}/{key} was given before.")
    return {"version": version, "recipe": recipe}


def note_tag(connection: sqlite3.Connection, identifier: int, tag: str) -> None:
    """Note that a model is in production from now on, when this is what a tag means; call it as the tag is set.

    Parameters
    ----------
    connection
        Inside the transaction that sets the tag.
    identifier
        Id of the row.
    tag
        Its new tag.
    """
    if tag != PRODUCTION:
        return
    row = connection.execute("SELECT project, key, uid, kind, body FROM artifacts WHERE id = ?", (identifier,))
    project, key, uid, kind, body = row.fetchone()
    last = connection.execute(
        "SELECT uid FROM production_changes WHERE project = ? AND key = ? ORDER BY id DESC LIMIT 1", (project, key)
    ).fetchone()
    if kind != "model" or (last and last["uid"] == uid):
        return
    labels = queries.decode(body)["metadata"].get("labels") or {}
    connection.execute(
        "INSERT INTO production_changes (project, key, uid, version, moment) VALUES (?, ?, ?, ?, ?)",
        (project, key, uid, str(labels.get("version") or ""), queries.now()),
    )
