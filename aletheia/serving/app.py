"""The FastAPI application: routes for programs at once, serving graph and page when they have been imported."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

import aletheia
from aletheia.core.errors import InputError
from aletheia.inference.errors import RequestError
from aletheia.serving import feedback_route, operations, routes
from aletheia.serving.config import ServeConfig, followed_models
from aletheia.serving.decoding import Decoder
from aletheia.serving.description import describe
from aletheia.serving.docs_page import DOCS_CSP, docs_file
from aletheia.serving.docs_page import PAGE as DOCS_HTML
from aletheia.serving.feedback import FeedbackDesk
from aletheia.serving.following import ProductionFollower
from aletheia.serving.graph import ServingGraph
from aletheia.serving.jobs import Jobs
from aletheia.serving.routing import (
    FallbackMount,
    PolicyRoute,
    check_method,
    current_policy,
    method_error,
    registered_routers,
    route_methods,
)
from aletheia.serving.security import SecurityMiddleware, error_response
from aletheia.serving.service import InferenceService
from aletheia.serving.traffic import open_traffic
from aletheia.serving.web.policies import PAGE

if TYPE_CHECKING:
    from aletheia.serving.web.uploads import UploadStore

logger = logging.getLogger("aletheia.serving")

#: For the description of the interface, which is public like the probes.
DOCS = dataclasses.replace(operations.PROBE, metrics_label="page", cache_control="no-store")
DOCS_PAGE = dataclasses.replace(DOCS, content_security_policy=DOCS_CSP)

_STARTING = (
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Aletheia</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="refresh" content="1">'
    "<style>:root { color-scheme: light dark; } body { font: 18px/1.5 system-ui, sans-serif; display: grid;"
    "place-items: center; min-height: 90vh; }</style></head><body><p>The page is starting; it comes by itself.</p>"
    "</body></html>\n"
)
_NO_PAGE = "There is no page here: the service was started without it. The HTTP interface is described at /docs."
_KINDS = {404: "not_found", 413: "too_large", 415: "unknown_format"}


def create_app(config: ServeConfig, service: InferenceService | None = None) -> FastAPI:
    """Load the model and build the application; it answers as soon as it is served.

    Parameters
    ----------
    config : ServeConfig
    service : InferenceService, optional
        One that exists already; it is closed with the application all the same.

    Raises
    ------
    InputError
        When there is no model, or it cannot be used, or a plugin cannot be loaded.
    """
    plugin_routers = registered_routers()
    service = service or _create_service(config)
    page = _PageApp(service) if config.page else None
    followed = followed_models(config)
    follower = ProductionFollower(service, *followed) if followed else None

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        stop = asyncio.Event()
        background = asyncio.create_task(_build_in_background(app, page, stop))
        if follower is not None:
            follower.start()
        yield
        if follower is not None:
            follower.stop()
        app.state.stopping.set()
        stop.set()
        if page is None or not page.is_running:
            background.cancel()  # imports that are still running need not finish
        with contextlib.suppress(asyncio.CancelledError):
            await background
        await asyncio.to_thread(app.state.jobs.close)
        await asyncio.to_thread(app.state.graph.close)
        service.close()

    # FastAPI's own documentation pages load scripts from other sites; its openapi.json would have no policy.
    app = FastAPI(
        title="Aletheia: is this face genuine?",
        version=aletheia.__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )
    app.state.service, app.state.jobs, app.state.graph = service, Jobs(service), ServingGraph(service)
    app.state.feedback = FeedbackDesk(service) if service.log else None
    app.state.stopping = threading.Event()
    _add_routes(app, [routes.router, feedback_route.router, *plugin_routers], page)
    _add_error_handlers(app)
    app.add_middleware(
        SecurityMiddleware,
        config=config,
        metrics=service.metrics,
        stored_bytes=lambda: app.state.jobs.size() + (page.size() if page else 0),
    )
    return app


def _create_service(config: ServeConfig) -> InferenceService:
    decoder = Decoder.from_config(config)  # its processes start while the model loads
    try:
        return InferenceService(open_traffic(config), config, decoder)
    except BaseException:
        decoder.close()
        raise


def _add_routes(app: FastAPI, routers: Sequence[APIRouter], page: _PageApp | None) -> None:
    async def openapi(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse(describe(app, scope))(scope, receive, send)

    app.router.routes.append(PolicyRoute("/openapi.json", openapi, ("GET", "HEAD"), DOCS))
    for router in routers:
        app.include_router(router)

    @app.get("/docs", include_in_schema=False, dependencies=[Depends(DOCS_PAGE)])
    def docs() -> HTMLResponse:
        return HTMLResponse(DOCS_HTML)

    @app.get("/docs/{name}", include_in_schema=False, dependencies=[Depends(DOCS_PAGE)])
    def docs_part(name: str) -> FileResponse:
        found = docs_file(name)
        if found is None:
            raise RequestError("not_found", f"The reference has no file {name[:40]!r}.")
        return FileResponse(found[0], media_type=found[1], headers={"Cache-Control": "max-age=3600"})

    app.router.routes.append(routes.V2_UNKNOWN)
    if page:
        app.router.routes.append(FallbackMount("/", page))


async def _build_in_background(app: FastAPI, page: _PageApp | None, stop: asyncio.Event) -> None:
    """Build what takes seconds to import, while requests are answered already."""
    await _run_in_daemon_thread(app.state.graph.build)
    if page is None:
        return
    try:
        async with page.built():
            await stop.wait()
    except Exception:
        logger.exception("the page failed; programs are answered all the same")


async def _run_in_daemon_thread(function: Callable[[], Any]) -> Any:
    """Call a function in a thread that does not keep the process from ending."""
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.shield(asyncio.wrap_future(future))


class _PageApp:
    """Application at ``/``: a page that reloads itself until the real one has been built."""

    def __init__(self, service: InferenceService) -> None:
        self._service = service
        self._inner: FastAPI | None = None
        self._uploads: UploadStore | None = None
        self._starting = PolicyRoute("/", _starting_page, ("GET", "HEAD"), PAGE)

    @property
    def is_running(self) -> bool:
        """Whether the real page is there."""
        return self._inner is not None

    @property
    def routes(self) -> list[BaseRoute]:
        """Routes of the page that is there now, for their policies."""
        return [self._starting] if self._inner is None else self._inner.router.routes

    def size(self) -> int:
        """Return the bytes of all uploads that are kept."""
        return self._uploads.size() if self._uploads else 0

    @contextlib.asynccontextmanager
    async def built(self) -> AsyncIterator[None]:
        """Build the page and keep it running."""
        holder, mounted = await _run_in_daemon_thread(self._build)
        from aletheia.serving.web.mount import running

        async with running(mounted):
            self._inner, self._uploads = holder, mounted.state.uploads
            try:
                yield
            finally:
                self._inner = self._uploads = None

    def _build(self) -> tuple[FastAPI, Any]:
        from aletheia.serving.web.mount import mount_page

        holder = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        return holder, mount_page(holder, self._service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the page, or with the one that stands in for it."""
        check_method(scope)
        if self._inner is not None:
            await self._inner(scope, receive, send)
        elif self._starting.matches(scope)[0] is Match.FULL:
            await self._starting.handle(scope, receive, send)
        else:
            raise HTTPException(404)


async def _starting_page(scope: Scope, receive: Receive, send: Send) -> None:
    await HTMLResponse(_STARTING, headers={"Cache-Control": "no-store"})(scope, receive, send)


def _add_error_handlers(app: FastAPI) -> None:
    metrics = app.state.service.metrics

    def respond(request: Request, error: RequestError) -> Response:
        return error_response(error, metrics, current_policy(request.scope))

    @app.exception_handler(RequestError)
    def request_error(request: Request, error: RequestError) -> Response:
        return respond(request, error)

    @app.exception_handler(InputError)
    def input_error(request: Request, error: InputError) -> Response:
        return respond(request, RequestError(getattr(error, "kind", "bad_request"), str(error)))

    @app.exception_handler(RequestValidationError)
    def validation_error(request: Request, error: RequestValidationError) -> Response:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5]]
        return respond(request, RequestError("bad_request", "; ".join(lines)))

    @app.exception_handler(HTTPException)
    def http_error(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return respond(request, method_error(request.scope, route_methods(app.routes, request.scope)))
        kind = _KINDS.get(error.status_code, "bad_request")
        text = f"{error.detail}: {request.method} {request.url.path[:200]}"
        if kind == "not_found" and request.url.path == "/":
            text = _NO_PAGE
        return respond(request, RequestError(kind, text))
