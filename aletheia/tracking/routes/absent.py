"""What the embedded service has none of: empty lists where the UI asks, "not here" for everything else."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from aletheia.tracking.web import Json, error

router = APIRouter()
last = APIRouter()

_NO_PAGE = {"page": None, "page-size": None, "page-token": None}
_EMPTY = {
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
    grouped = request.query_params.get("group-by")
    return Json({} if grouped else [])


@router.delete("/projects/{project}/runtime-resources")
def delete_runtime_resources(project: str) -> Response:
    return Json({})


def _add_empty(path: str, answer: object) -> None:
    def empty() -> Response:
        return Json(answer)

    router.add_api_route(path, empty, methods=["GET"])


for _path, _answer in _EMPTY.items():
    _add_empty(_path, _answer)


@last.api_route("/api/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def not_here(request: Request, rest: str) -> Response:
    """501 and not 404, which a client would take for "no such object"."""
    return error(
        501,
        f"The embedded tracking service does not implement {request.method} /api/{rest[:200]}. It keeps"
        " what local"
        " runs produce; for jobs on a cluster, schedules, secrets and deployments set MLRUN_DBPATH to an"
        " MLRun API"
        " server.",
    )
