"""Routes for programs: pictures and videos, jobs, the V2 inference protocol, probes."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

import aletheia
from aletheia.imaging.media_types import VIDEO_FORMATS
from aletheia.inference.errors import RequestError
from aletheia.lifecycle.experiments.assignment import KEY_HEADER
from aletheia.serving.admission import Turn
from aletheia.serving.operations import (
    FAILURES,
    FILES,
    IMAGE_BODY,
    INFER_ROUTE,
    JOB,
    KEY_PARAMETER,
    LOOKING,
    METRICS,
    PROBE_ROUTE,
    V2,
    V2_HEALTH_ROUTE,
    V2_ROUTE,
    V2_SERVER,
    VIDEO_BODY,
    describe_failures,
)
from aletheia.serving.protocol import OUTPUTS
from aletheia.serving.routing import FallbackMount, check_method
from aletheia.serving.schemas import Answer, Job
from aletheia.serving.service import InferenceService
from aletheia.serving.uploads import Upload, parse_json, picture_from_json, receive_upload

GRAPH_WAIT_SECONDS = 30.0

router = APIRouter()


def current_service(request: Request) -> InferenceService:
    """Return the service of the application that answers a request."""
    service: InferenceService = request.app.state.service
    return service


#: The type of a route's parameter that FastAPI fills with the service.
CurrentService = Annotated[InferenceService, Depends(current_service)]


@router.post(
    "/v1/predict",
    tags=["answers"],
    response_model=Answer,
    responses=FAILURES,
    openapi_extra={"requestBody": IMAGE_BODY, "parameters": [KEY_PARAMETER]},
    dependencies=[Depends(FILES)],
)
async def predict(request: Request, service: CurrentService) -> Response:
    """Say for every face of a picture, or every person of a video, how probable it is that it is fake."""
    service.admission.check()
    async with receive_upload(request) as upload, service.admission.turn(service.config.request_timeout_s) as turn:
        await _check_connected(request)
        answer = await to_thread.run_sync(_answer, service, upload, turn, request.headers.get(KEY_HEADER))
    return JSONResponse(answer)


def _answer(service: InferenceService, upload: Upload, turn: Turn, key: str | None) -> dict[str, Any]:
    if upload.is_json:
        data, options = picture_from_json(upload.read())
        return service.image_in_turn(data, turn, options, key)
    is_video = upload.is_video()
    service.check_size(upload.size, video=is_video)
    if is_video:
        return service.video_in_turn(upload.file, upload.frames(), None, turn, upload.options(), key)
    return service.image_in_turn(upload.read(), turn, upload.options(), key)


@router.post(
    "/v1/jobs",
    tags=["jobs"],
    status_code=202,
    response_model=Job,
    responses=FAILURES,
    openapi_extra={"requestBody": VIDEO_BODY, "parameters": [KEY_PARAMETER]},
    dependencies=[Depends(FILES)],
)
async def submit(request: Request, service: CurrentService) -> Response:
    """Hand in a long video; ask for its answer later."""
    _check_not_stopping(request)  # a job that is taken now would be cancelled at once
    async with receive_upload(request) as upload:
        if upload.is_json or not upload.is_video():
            raise RequestError("unknown_format", f"A job takes a video ({VIDEO_FORMATS}) as file of a form.")
        service.check_size(upload.size, video=True)
        frames, options = upload.frames(), upload.options()
        upload.taken = True
        key = request.headers.get(KEY_HEADER)
        return JSONResponse(request.app.state.jobs.submit(upload.file, frames, options, key), 202)


@router.get(
    "/v1/jobs/{job_id}",
    tags=["jobs"],
    response_model=Job,
    responses=describe_failures(*LOOKING),
    dependencies=[Depends(JOB)],
)
async def job(request: Request, job_id: str) -> Response:
    """Get how far a job is, and its answer when it is done."""
    return JSONResponse(request.app.state.jobs.get(job_id))


@router.delete(
    "/v1/jobs/{job_id}",
    tags=["jobs"],
    response_model=Job,
    responses=describe_failures(*LOOKING),
    dependencies=[Depends(JOB)],
)
async def cancel(request: Request, job_id: str) -> Response:
    """Cancel a job, or forget one that has ended."""
    return JSONResponse(request.app.state.jobs.cancel(job_id))


@router.post("/v2/models/{name}/versions/{version}/infer", **INFER_ROUTE)
@router.post("/v2/models/{name}/infer", **INFER_ROUTE)
async def infer(request: Request, name: str, service: CurrentService, version: str = "") -> Response:
    """Answer through MLRun's serving graph: the function that would run on Nuclio."""
    _check_model(service, name, version)
    service.admission.check()
    graph = request.app.state.graph
    async with receive_upload(request) as upload:
        if not upload.is_json:
            raise RequestError("unknown_format", "The V2 inference protocol is spoken in JSON (application/json).")
        await graph.wait_until_ready(GRAPH_WAIT_SECONDS)
        async with service.admission.turn(service.config.request_timeout_s) as turn:
            await _check_connected(request)
            key = request.headers.get(KEY_HEADER)
            answer = await to_thread.run_sync(lambda: graph.infer(parse_json(upload.read()), turn, version, key))
    return JSONResponse(answer)


@router.get("/v2", **{**V2_ROUTE, "dependencies": [Depends(V2_SERVER)]})
async def server() -> dict[str, Any]:
    """Name the server and its version."""
    return {"name": "aletheia", "version": aletheia.__version__, "extensions": []}


@router.get("/v2/models", **V2_ROUTE)
async def models(service: CurrentService) -> dict[str, Any]:
    """List the model that answers."""
    return {"models": [service.loaded.name]}


@router.get("/v2/models/{name}/versions/{version}", **V2_ROUTE)
@router.get("/v2/models/{name}", **V2_ROUTE)
async def model(name: str, service: CurrentService, version: str = "") -> dict[str, Any]:
    """Describe the inputs and outputs of the model."""
    _check_model(service, name, version)
    loaded = service.loaded
    return {
        "name": name,
        "versions": [model.version for model in service.traffic.answering],
        "platform": "aletheia",
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": key, "datatype": kind, "shape": [-1, 4] if key == "box" else [-1]} for key, kind in OUTPUTS.items()
        ],
        "threshold": loaded.spec.threshold,
        "uri": loaded.uri,
        "trained_on": loaded.spec.trained_on,
        "kind_note": loaded.predictor.kind_note(),
        "release": loaded.release,
        "device": loaded.device,
    }


@router.get("/v2/models/{name}/versions/{version}/ready", **V2_ROUTE)
@router.get("/v2/models/{name}/ready", **V2_ROUTE)
async def model_ready(name: str, request: Request, service: CurrentService, version: str = "") -> dict[str, Any]:
    """Tell whether the model answers through the serving graph."""
    _check_model(service, name, version)
    _check_not_stopping(request)
    request.app.state.graph.check()
    return {"name": name, "ready": True}


@router.get("/v2/health/ready", **V2_HEALTH_ROUTE)
async def v2_ready(request: Request) -> dict[str, Any]:
    """Tell whether the V2 inference protocol is answered: as ``/readyz``, and the serving graph is built."""
    _check_not_stopping(request)
    request.app.state.graph.check()
    return {"ready": True}


@router.get("/healthz", **PROBE_ROUTE)
@router.get("/v2/health/live", **{**V2_HEALTH_ROUTE, "tags": ["probes"]})
async def live() -> dict[str, Any]:
    """Tell that the process is there."""
    return {"live": True}


@router.get("/readyz", **PROBE_ROUTE)
async def ready(request: Request) -> dict[str, Any]:
    """Tell whether requests are taken: the model is loaded, and the service is not stopping."""
    _check_not_stopping(request)
    return {"ready": True}


@router.get(
    "/metrics",
    tags=["probes"],
    response_class=PlainTextResponse,
    responses=describe_failures(*LOOKING),
    dependencies=[Depends(METRICS)],
)
def metrics(service: CurrentService) -> Response:
    """Return counts and durations in Prometheus' format."""
    return Response(service.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


async def _refuse_unknown_path(scope: Scope, receive: Receive, send: Send) -> None:
    check_method(scope)
    raise HTTPException(404)


#: Refuses the paths below /v2 that no route has in the form of the protocol.
V2_UNKNOWN = FallbackMount("/v2", _refuse_unknown_path, V2)


def _check_model(service: InferenceService, name: str, version: str = "") -> None:
    if name != service.loaded.name:
        raise RequestError("not_found", f"There is no model {name[:60]!r} here; the model is {service.loaded.name!r}.")
    service.traffic.assign(version=version)


async def _check_connected(request: Request) -> None:
    """Raise ClientDisconnect when the client has left while it waited."""
    if await request.is_disconnected():
        raise ClientDisconnect


def _check_not_stopping(request: Request) -> None:
    if request.app.state.stopping.is_set():
        raise RequestError("not_ready", "The service is shutting down.", retry_after=5)
