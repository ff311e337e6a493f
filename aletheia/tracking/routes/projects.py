"""``/projects`` and ``/project-summaries``."""

from __future__ import annotations

from fastapi import APIRouter, Header, Query, Request, Response

from aletheia.tracking.resources import projects
from aletheia.tracking.web import Body, Db, Json

router = APIRouter()


@router.post("/projects")
def create_project(request: Request, store: Db, body: Body) -> Response:
    """Create a project."""
    return Json(projects.create(store, body), 201, request=request)


@router.get("/projects")
def list_projects(
    request: Request,
    store: Db,
    format_: str = Query("full", alias="format"),
    owner: str | None = None,
    state: str | None = None,
    label: list[str] = Query([]),
) -> Response:
    """List the projects."""
    return Json({"projects": projects.list_all(store, format_, owner, state, label)}, request=request)


@router.get("/projects/{name}")
def get_project(request: Request, store: Db, name: str) -> Response:
    """Return a project."""
    return Json(projects.get(store, name), request=request)


@router.put("/projects/{name}")
def store_project(request: Request, store: Db, name: str, body: Body) -> Response:
    """Create or overwrite a project."""
    return Json(projects.put(store, name, body), request=request)


@router.patch("/projects/{name}")
def patch_project(
    request: Request,
    store: Db,
    name: str,
    body: Body,
    mode: str = Header("replace", alias="x-mlrun-patch-mode"),
) -> Response:
    """Merge changes into a project."""
    return Json(projects.patch(store, name, body, mode), request=request)


@router.delete("/projects/{name}")
def delete_project(
    store: Db, name: str, strategy: str = Header("restricted", alias="x-mlrun-deletion-strategy")
) -> Response:
    """Delete a project."""
    projects.delete(store, name, strategy)
    return Response(status_code=204)


@router.get("/project-summaries")
def list_project_summaries(request: Request, store: Db) -> Response:
    """Count what each project holds."""
    return Json({"project_summaries": projects.summaries(store)}, request=request)


@router.get("/project-summaries/{name}")
def get_project_summary(request: Request, store: Db, name: str) -> Response:
    """Count what a project holds."""
    return Json(projects.summaries(store, name)[0], request=request)
