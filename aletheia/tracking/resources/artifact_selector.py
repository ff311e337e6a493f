"""Selection of artifacts by key, kind, tag, iteration, producer and version."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from aletheia.tracking.queries import ApiError, Where

#: Condition on ``artifacts AS a``: one of the artifact's tags has this name.
HAS_TAG = "EXISTS (SELECT 1 FROM artifact_tags AS t WHERE t.artifact = a.id AND t.name = ?)"

_URI = re.compile(
    r"(?:store://[a-z-]+/)?(?:(?P<project>[^/]+)/)?(?P<key>[^#:@^]+)"
    r"(?:#(?P<iteration>\d+))?(?::(?P<tag>[^@^]*))?(?:@(?P<tree>[^^]*))?(?:\^(?P<uid>.*))?"
)


@dataclass(frozen=True)
class ArtifactSelector:
    """Names artifacts of a project; a field that is None or empty does not restrict.

    Attributes
    ----------
    project : str
        Name of the project.
    key : str or None
        Database key: for artifacts of runs ``<run name>_<artifact key>``.
    kind : str or None
        ``model``, ``dataset``, ``plot`` …
    tag : str or None
        Tag, such as ``latest``.
    iteration : int or None
        Iteration of a hyper-parameter run, from 1; 0 outside of one.
    tree : str or None
        Producer: uid of a run or of a workflow.
    uid : str or None
        Version: the hash of the content.
    """

    project: str
    key: str | None = None
    kind: str | None = None
    tag: str | None = None
    iteration: int | None = None
    tree: str | None = None
    uid: str | None = None

    @classmethod
    def from_uri(cls, uri: str, project: str) -> ArtifactSelector | None:
        """Parse ``store://<kind>/<project>/<key>#<iteration>:<tag>@<tree>^<uid>``; None if it is something else.

        Parameters
        ----------
        uri : str
            All parts but the key may be missing; a missing iteration is 0.
        project : str
            Project of a URI that names none.
        """
        match = _URI.fullmatch(uri)
        if match is None:
            return None
        return cls(
            match["project"] or project,
            match["key"],
            tag=match["tag"],
            iteration=int(match["iteration"] or 0),
            tree=match["tree"],
            uid=match["uid"],
        )

    @classmethod
    def from_identifier(cls, project: str, identifier: dict[str, Any]) -> ArtifactSelector:
        """Read an identifier of a tagging request: ``key``, ``kind``, ``iter``, ``uid`` and ``producer_id``.

        Raises
        ------
        ApiError
            400 when none of the names is given, 422 for a value of a wrong type.
        """
        names = {name: identifier.get(name) for name in ("key", "kind", "uid", "producer_id")}
        if not any(names.values()):
            raise ApiError(400, "An identifier needs a key, kind, uid or producer_id.")
        for name, value in names.items():
            if not isinstance(value, str | None):
                raise ApiError(422, f"The {name} of an identifier is a string.")
        iteration = identifier.get("iter")
        if isinstance(iteration, str) and iteration.isascii() and iteration.isdigit():
            iteration = int(iteration)
        if not isinstance(iteration, int | None) and iteration != "":
            raise ApiError(422, "The iter of an identifier is a number.")
        key, kind, uid, tree = names.values()
        return cls(project, key or None, kind, iteration=None if iteration == "" else iteration, tree=tree, uid=uid)

    @property
    def suffix(self) -> str:
        """The part of a URI after the key; parts that are not given are left out."""
        marks = (("#", self.iteration), (":", self.tag), ("@", self.tree), ("^", self.uid))
        return "".join(f"{mark}{value}" for mark, value in marks if value)

    def where(self, *, pattern: bool = False) -> Where:
        """Translate all fields but the tag, whose meaning differs by request, to a condition on ``artifacts AS a``.

        Parameters
        ----------
        pattern : bool
            Whether a key that begins with ``~`` is a substring to look for.
        """
        where = Where()
        where.add("a.project = ?", self.project)
        if pattern:
            where.name("a.key", self.key)
        elif self.key is not None:
            where.add("a.key = ?", self.key)
        where.equals("a.kind", self.kind)
        where.equals("a.iteration", self.iteration)
        where.equals("a.tree", self.tree)
        where.equals("a.uid", self.uid)
        return where


def store_uri(body: dict[str, Any]) -> str:
    """Return the ``store://`` address of a stored artifact, all parts of it."""
    metadata, spec = body.get("metadata") or {}, body.get("spec") or {}
    selector = ArtifactSelector(
        metadata.get("project", ""),
        spec.get("db_key") or metadata.get("key"),
        tag=metadata.get("tag"),
        iteration=metadata.get("iter") or 0,
        tree=metadata.get("tree"),
        uid=metadata.get("uid"),
    )
    kind = {"model": "models", "dataset": "datasets"}.get(body.get("kind", ""), "artifacts")
    rest = replace(selector, iteration=None).suffix
    return f"store://{kind}/{selector.project}/{selector.key}#{selector.iteration}{rest}"
