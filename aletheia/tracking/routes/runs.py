"""``/projects/{project}/runs``, ``/logs`` and ``/background-tasks``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from aletheia.tracking.queries import ApiError
from aletheia.tracking.resources import logs, runs, tasks
from aletheia.tracking.resources.runs import RunFilters
from aletheia.tracking.web import Body, Db, Json, Paging, RawBody, listing

router = APIRouter(prefix="/projects/{project}")
Iteration = Annotated[int, Query(ge=0, alias="iter")]


def _note_owner(request: Request, project: str, uid: str, state: str) -> None:
    """Note which process writes this run, by which it is later recognised as lost."""
    if request.client is not None:
        request.app.state.owners.note(project, uid, state, request.client.port)


@router.post("/runs/{uid}")
def store_run(request: Request, store: Db, project: str, uid: str, body: Body, iteration: Iteration = 0) -> Response:
    """Store a run or one of its iterations."""
    _note_owner(request, project, uid, runs.put(store, project, uid, iteration, body))
    return Json({})


@router.patch("/runs/{uid}")
def update_run(request: Request, store: Db, project: str, uid: str, body: Body, iteration: Iteration = 0) -> Response:
    """Set values at dotted paths of a run."""
    _note_owner(request, project, uid, runs.update(store, project, uid, iteration, body))
    return Json({})


@router.get("/runs/{uid}")
def get_run(
    request: Request,
    store: Db,
    project: str,
    uid: str,
    iteration: Iteration = 0,
    format_: str = Query("full", alias="format"),
) -> Response:
    """Return a run or one of its iterations."""
    return Json({"data": runs.get(store, project, uid, iteration, format_)}, request=request)


@router.get("/runs")
def list_runs(
    request: Request, store: Db, project: str, filters: Annotated[RunFilters, Query()], paging: Paging
) -> Response:
    """List the runs of a project (``*``: of all)."""
    filters.project = project
    return Json(listing("runs", filters, paging, lambda f, p: runs.list_page(store, f, p)), request=request)


@router.delete("/runs/{uid}")
def delete_run(store: Db, project: str, uid: str) -> Response:
    """Delete a run with its iterations and its log."""
    runs.delete(store, project, uid)
    return Json({})


@router.delete("/runs")
def delete_runs(
    store: Db,
    project: str,
    name: str | None = None,
    label: list[str] = Query([]),
    state: str | None = None,
    days_ago: int = Query(0, ge=0),
) -> Response:
    """Delete the runs that match."""
    filters = RunFilters(project=project, name=name, label=label, state=[state] if state else [])
    runs.delete_many(store, filters, days_ago)
    return Json({})


@router.post("/runs/{uid}/abort")
def abort_run(request: Request, store: Db, project: str, uid: str, body: Body, iteration: Iteration = 0) -> Response:
    """Mark a run as aborted, and interrupt the processes that write it."""
    runs.abort(store, project, uid, iteration, body)
    if request.client is not None:
        request.app.state.owners.interrupt(project, uid, request.client.port)
    return Json(tasks.record(store, project, "abort-run"), 202, request=request)


@router.post("/runs/{uid}/push-notifications")
@router.post("/pipelines/{uid}/push-notifications")
def push_notifications(request: Request, store: Db, project: str, uid: str, body: Body) -> Response:
    """Do nothing, and report it as a finished task: the client of a local run sends its notifications itself."""
    return Json(tasks.record(store, project, "push-notifications"), 202, request=request)


@router.post("/logs/{uid}")
def store_log(store: Db, project: str, uid: str, body: RawBody, append: bool = True) -> Response:
    """Append to a run's log, or replace it."""
    logs.append(store, project, uid, body, replace=not append)
    return Json({})


@router.get("/logs/{uid}")
def get_log(store: Db, project: str, uid: str, size: int = -1, offset: int = 0) -> Response:
    """Return a run's log, and its state in a header."""
    if offset < 0:
        raise ApiError(400, "Offset cannot be negative")
    state, data = logs.read(store, project, uid, offset, size)
    return Response(data, media_type="text/plain; charset=utf-8", headers={"x-mlrun-run-state": state})


@router.get("/logs/{uid}/size")
def get_log_size(store: Db, project: str, uid: str) -> Response:
    """Return the length of a run's log in bytes."""
    return Json({"size": logs.size(store, project, uid)})


@router.get("/background-tasks/{name}")
def get_project_task(request: Request, store: Db, project: str, name: str) -> Response:
    """Return a background task."""
    return Json(tasks.get(store, name, project), request=request)


@router.get("/background-tasks")
def list_project_tasks(request: Request, store: Db, project: str) -> Response:
    """List the background tasks of a project."""
    return Json({"background_tasks": tasks.list_all(store, project)}, request=request)
