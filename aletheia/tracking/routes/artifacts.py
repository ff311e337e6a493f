"""``/projects/{project}/artifacts``, ``/artifact-tags`` and ``/tags/{tag}``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from aletheia.tracking.queries import ApiError
from aletheia.tracking.resources import artifact_search, artifacts, tags
from aletheia.tracking.resources.artifact_search import ArtifactFilters
from aletheia.tracking.web import Body, Db, Json, Paging, listing

router = APIRouter(prefix="/projects/{project}")


@router.post("/artifacts")
def create_artifact(request: Request, store: Db, project: str, body: Body) -> Response:
    metadata = body.get("metadata") if isinstance(body, dict) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("key"), str):
        raise ApiError(422, "An artifact needs metadata.key.")
    stored = artifacts.put(store, project, metadata["key"], body, create=True)
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
    iter: int | None = Query(None, ge=0),
    uid: str | None = Query(None, alias="object-uid"),
) -> Response:
    stored = artifacts.put(store, project, key, body, tag=tag, iteration=iter, tree=tree, uid=uid)
    return Json(stored, request=request)


@router.get("/artifacts")
def list_artifacts(
    request: Request, store: Db, project: str, filters: Annotated[ArtifactFilters, Query()], paging: Paging
) -> Response:
    filters.project = project
    answer = listing("artifacts", filters, paging, lambda f, p: artifact_search.list_page(store, f, p))
    return Json(answer, request=request)


@router.get("/artifacts/{key:path}")
def get_artifact(
    request: Request,
    store: Db,
    project: str,
    key: str,
    tree: str | None = None,
    tag: str | None = None,
    iter: int | None = Query(None, ge=0),
    object_uid: str | None = Query(None, alias="object-uid"),
    uid: str | None = None,
    format_: str = Query("full", alias="format"),
) -> Response:
    found = artifact_search.get(
        store, project, key, tag=tag, iteration=iter, tree=tree, uid=object_uid or uid, format_=format_
    )
    return Json(found, request=request)


@router.delete("/artifacts/{key:path}")
def delete_artifact(
    store: Db,
    project: str,
    key: str,
    tree: str | None = None,
    tag: str | None = None,
    iter: int | None = Query(None, ge=0),
    object_uid: str | None = Query(None, alias="object-uid"),
    uid: str | None = None,
    deletion_strategy: str = "metadata-only",
) -> Response:
    if deletion_strategy == "data-force":
        raise ApiError(501, "The embedded service deletes no files; delete the artifact's data yourself.")
    artifacts.delete(store, project, key, tag=tag, iteration=iter, tree=tree, uid=object_uid or uid)
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
    artifacts.delete_many(store, ArtifactFilters(project=project, name=name, tag=tag, tree=tree, label=label))
    return Response(status_code=204)


@router.get("/artifact-tags")
def list_artifact_tags(request: Request, store: Db, project: str, category: str | None = None) -> Response:
    return Json({"project": project, "tags": tags.names(store, project, category)}, request=request)


@router.put("/tags/{tag}")
def append_tag(request: Request, store: Db, project: str, tag: str, body: Body) -> Response:
    return Json(tags.put(store, project, tag, body, replace=False), request=request)


@router.post("/tags/{tag}")
def overwrite_tags(request: Request, store: Db, project: str, tag: str, body: Body) -> Response:
    return Json(tags.put(store, project, tag, body, replace=True), request=request)


@router.delete("/tags/{tag}")
def delete_tag(store: Db, project: str, tag: str, body: Body) -> Response:
    tags.delete(store, project, tag, body)
    return Response(status_code=204)
