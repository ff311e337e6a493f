"""``/projects/{project}/functions``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from aletheia.tracking.resources import functions
from aletheia.tracking.resources.functions import FunctionFilters
from aletheia.tracking.web import Body, Db, Json, Paging, listing

router = APIRouter(prefix="/projects/{project}")


@router.post("/functions/{name}")
def store_function(
    request: Request, store: Db, project: str, name: str, body: Body, tag: str = "", versioned: bool = False
) -> Response:
    """Store a function."""
    return Json({"hash_key": functions.put(store, project, name, body, tag, versioned)}, request=request)


@router.get("/functions/{name}")
def get_function(
    request: Request,
    store: Db,
    project: str,
    name: str,
    tag: str = "",
    hash_key: str = "",
    format_: str = Query("full", alias="format"),
) -> Response:
    """Return one version of a function."""
    return Json({"func": functions.get(store, project, name, tag, hash_key, format_)}, request=request)


@router.get("/functions")
def list_functions(
    request: Request, store: Db, project: str, filters: Annotated[FunctionFilters, Query()], paging: Paging
) -> Response:
    """List the functions of a project (``*``: of all)."""
    filters.project = project
    answer = listing("funcs", filters, paging, lambda f, p: functions.list_page(store, f, p))
    return Json(answer, request=request)


@router.delete("/functions/{name}")
def delete_function(store: Db, project: str, name: str) -> Response:
    """Delete all versions of a function."""
    functions.delete(store, project, name)
    return Response(status_code=204)
