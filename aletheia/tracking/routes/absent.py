"""Routes of features that the service does not have: empty lists for the UI, status 501 for the rest of the API."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from aletheia.tracking.web import Json, error

router = APIRouter()
fallback = APIRouter()  # of all paths; to be included last

_NO_PAGE = {"page": None, "page-size": None, "page-token": None}
_EMPTY_ANSWERS = {
    "/projects/{project}/pipelines": {"runs": [], "total_size": 0, "next_page_token": None},
    "/projects/{project}/schedules": {"schedules": []},
    "/projects/{project}/feature-sets": {"feature_sets": []},
    "/projects/{project}/feature-vectors": {"feature_vectors": []},
    "/projects/{project}/features": {"features": [], "feature_set_digests": []},
    "/projects/{project}/entities": {"entities": [], "feature_set_digests": []},
    "/projects/{project}/model-endpoints": {"endpoints": []},
    "/projects/{project}/runtime-resources": [],
    "/projects/{project}/datastore-profiles": [],
    "/projects/{project}/api-gateways": {"api_gateways": {}},
    "/projects/{project}/alerts": [],
    "/projects/{project}/alert-activations": {"activations": [], "pagination": _NO_PAGE},
    "/projects/{project}/secret-keys": {"provider": "kubernetes", "secret_keys": []},
    "/projects/{project}/secrets": {"provider": "kubernetes", "secrets": {}},
    "/alert-templates": [],
    "/hub/sources": [],
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


@fallback.api_route("/api/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def not_implemented(request: Request, rest: str) -> Response:
    """Answer 501 and not 404, which a client would take for a missing object."""
    return error(
        501,
        f"The embedded tracking service does not implement {request.method} /api/{rest[:200]}. It keeps what local"
        " runs produce; for jobs on a cluster, schedules, secrets and deployments set MLRUN_DBPATH to an MLRun API"
        " server.",
    )
