"""Routes of features that the service does not have: empty lists for the UI, status 501 for the rest of the API."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from aletheia.tracking import queries
from aletheia.tracking.resources import runs
from aletheia.tracking.web import Body, Db, Json, error

router = APIRouter()
nuclio = APIRouter(prefix="/api")  # of Nuclio, whose address in the UI may be that of this service
fallback = APIRouter()  # of all paths; to be included last

_NO_PAGE = {"page": None, "page-size": None, "page-token": None}
_EMPTY_ANSWERS = {
    "/projects/{project}/schedules": {"schedules": []},
    "/projects/{project}/feature-sets": {"feature_sets": []},
    "/projects/{project}/feature-vectors": {"feature_vectors": []},
    "/projects/{project}/features": {"features": [], "feature_set_digests": []},
    "/projects/{project}/entities": {"entities": [], "feature_set_digests": []},
    "/projects/{project}/model-endpoints": {"endpoints": []},
    "/projects/{project}/runtime-resources": [],
    "/projects/{project}/datastore-profiles": [],
    "/projects/{project}/api-gateways": {"api_gateways": {}},
    "/projects/{project}/alerts": {"alerts": [], "pagination": _NO_PAGE},
    "/projects/{project}/alert-activations": {"activations": [], "pagination": _NO_PAGE},
    "/projects/{project}/secret-keys": {"provider": "kubernetes", "secret_keys": []},
    "/projects/{project}/secrets": {"provider": "kubernetes", "secrets": {}},
    "/alert-templates": [],
    "/hub/sources": [],
    "/hub/sources/{source}/items": {"kind": "HubCatalog", "channel": "development", "catalog": []},
}


@router.get("/projects/{project}/runtime-resources")
def list_runtime_resources(request: Request, project: str) -> Response:
    """Return an empty list, or an empty object for a grouped query."""
    grouped = request.query_params.get("group-by")
    return Json({} if grouped else [])


@router.delete("/projects/{project}/runtime-resources")
def delete_runtime_resources(project: str) -> Response:
    """Do nothing: there are no runtime resources."""
    return Json({})


def _add_empty(path: str, answer: object) -> None:
    def empty() -> Response:
        return Json(answer)

    router.add_api_route(path, empty, methods=["GET"])


for _path, _answer in _EMPTY_ANSWERS.items():
    _add_empty(_path, _answer)


@nuclio.get("/functions")
@nuclio.get("/function_templates")
@nuclio.get("/projects")
@nuclio.get("/api_gateways")
@nuclio.get("/v3io_streams")
def list_nothing_of_nuclio() -> Response:
    """Return nothing of Nuclio: the UI goes back to the list of projects when this is an error."""
    return Json({})


@router.post("/submit_job")
def submit_job(store: Db, body: Body) -> Response:
    """Answer 501, and store the run that was asked for as failed.

    The client goes on to read the run after a refusal, and would report only that there is none.
    """
    reason = (
        "The embedded tracking service runs nothing itself: call run_function(…, local=True), or set MLRUN_DBPATH to an"
        " MLRun API server with a cluster for remote and scheduled runs."
    )
    task = body.get("task") if isinstance(body, dict) else None
    uid, project = queries.get_in(task, "metadata.uid"), queries.get_in(task, "metadata.project")
    if isinstance(uid, str) and isinstance(project, str) and isinstance(task, dict) and not body.get("schedule"):
        failed = {**task, "status": {"state": "error", "error": reason, "status_text": reason}}
        runs.put(store, project, uid, 0, failed)
    return error(501, reason)


@router.post("/start/function")
@router.post("/status/function")
def start_cluster() -> Response:
    """Answer 501: MLRun asks for a function's cluster only when the scheduler that it knows of does not answer."""
    return error(
        501,
        "The Dask scheduler of the function does not answer, and the embedded tracking service starts none: start it"
        " (dask scheduler), or mend status.scheduler_address of the function.",
    )


@fallback.api_route("/api/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def not_implemented(request: Request, rest: str) -> Response:
    """Answer 501 and not 404, which a client would take for a missing object."""
    return error(
        501,
        f"The embedded tracking service does not implement {request.method} /api/{rest[:200]}. It keeps what local"
        " runs produce; for jobs on a cluster, schedules, secrets and deployments set MLRUN_DBPATH to an MLRun API"
        " server.",
    )
