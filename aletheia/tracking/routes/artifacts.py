"""``/projects/{project}/artifacts``, ``/artifact-tags`` and ``/tags/{tag}``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from aletheia.tracking.queries import ApiError
from aletheia.tracking.resources import artifact_search, artifacts, tags
from aletheia.tracking.resources.artifact_search import ArtifactFilters
from aletheia.tracking.resources.artifact_selector import ArtifactSelector
from aletheia.tracking.web import Body, Db, Json, Paging, listing

router = APIRouter(prefix="/projects/{project}")


def select_artifact(
    project: str,
    key: str,
    tree: str | None = None,
    tag: str | None = None,
    iteration: int | None = Query(None, ge=0, alias="iter"),
    object_uid: str | None = Query(None, alias="object-uid"),
    uid: str | None = None,
) -> ArtifactSelector:
    """Collect the path and query parameters by which a request names an artifact."""
    return ArtifactSelector(project, key, tag=tag, iteration=iteration, tree=tree, uid=object_uid or uid)


Selector = Annotated[ArtifactSelector, Depends(select_artifact)]


@router.post("/artifacts")
def create_artifact(request: Request, store: Db, project: str, body: Body) -> Response:
    """Store a new artifact, named by its metadata; 409 if this version exists."""
    metadata = body.get("metadata") if isinstance(body, dict) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("key"), str):
        raise ApiError(422, "An artifact needs metadata.key.")
    stored = artifacts.put(store, ArtifactSelector(project, metadata["key"]), body, create=True)
    return Json(stored, 201, request=request)


@router.put("/artifacts/{key:path}")
def store_artifact(
    request: Request,
    store: Db,
    project: str,
    key: str,
    body: Body,
    tree: str | None = None,
    tag: str | None = None,
    iteration: int | None = Query(None, ge=0, alias="iter"),
    uid: str | None = Query(None, alias="object-uid"),
) -> Response:
    """Store an artifact and tag it."""
    selector = ArtifactSelector(project, key, tag=tag, iteration=iteration, tree=tree, uid=uid)
    return Json(artifacts.put(store, selector, body), request=request)


@router.get("/artifacts")
def list_artifacts(
    request: Request, store: Db, project: str, filters: Annotated[ArtifactFilters, Query()], paging: Paging
) -> Response:
    """List the artifacts of a project (``*``: of all)."""
    filters.project = project
    answer = listing("artifacts", filters, paging, lambda f, p: artifact_search.list_page(store, f, p))
    return Json(answer, request=request)


@router.get("/artifacts/{key:path}")
def get_artifact(
    request: Request, store: Db, selector: Selector, format_: str = Query("full", alias="format")
) -> Response:
    """Return one artifact."""
    return Json(artifact_search.get(store, selector, format_), request=request)


@router.delete("/artifacts/{key:path}")
def delete_artifact(store: Db, selector: Selector, deletion_strategy: str = "metadata-only") -> Response:
    """Delete the versions of an artifact that match; 501 if their files are to be deleted, too."""
    if deletion_strategy == "data-force":
        raise ApiError(501, "The embedded service deletes no files; delete the artifact's data yourself.")
    artifacts.delete(store, selector)
    return Response(status_code=204)


@router.delete("/artifacts")
def delete_artifacts(
    store: Db,
    project: str,
    name: str = "",
    tag: str = "",
    tree: str | None = None,
    label: list[str] = Query([]),
) -> Response:
    """Delete all artifacts that match."""
    artifacts.delete_many(store, ArtifactFilters(project=project, name=name, tag=tag, tree=tree, label=label))
    return Response(status_code=204)


@router.get("/artifact-tags")
def list_artifact_tags(request: Request, store: Db, project: str, category: str | None = None) -> Response:
    """List the tags of a project's artifacts."""
    return Json({"project": project, "tags": tags.names(store, project, category)}, request=request)


@router.put("/tags/{tag}")
def append_tag(request: Request, store: Db, project: str, tag: str, body: Body) -> Response:
    """Tag artifacts."""
    return Json(tags.put(store, project, tag, body, replace_others=False), request=request)


@router.post("/tags/{tag}")
def overwrite_tags(request: Request, store: Db, project: str, tag: str, body: Body) -> Response:
    """Tag artifacts and remove their other tags."""
    return Json(tags.put(store, project, tag, body, replace_others=True), request=request)


@router.delete("/tags/{tag}")
def delete_tag(store: Db, project: str, tag: str, body: Body) -> Response:
    """Remove a tag from artifacts."""
    tags.delete(store, project, tag, body)
    return Response(status_code=204)
