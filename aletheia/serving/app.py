"""The FastAPI application: routes for programs at once, serving graph and page when they have been imported."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount
from starlette.types import Receive, Scope, Send

import aletheia
from aletheia.core.errors import InputError
from aletheia.inference.errors import RequestError
from aletheia.serving import routes
from aletheia.serving.config import ServeConfig
from aletheia.serving.decoding import Decoder
from aletheia.serving.docs_page import docs_page
from aletheia.serving.graph import Graph
from aletheia.serving.jobs import Jobs
from aletheia.serving.model_loading import load_model
from aletheia.serving.security import Guard, refusal
from aletheia.serving.service import Service

logger = logging.getLogger("aletheia.serving")

_STARTING = (
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Aletheia</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="refresh" content="1">'
    "<style>:root { color-scheme: light dark; } body { font: 18px/1.5 system-ui, sans-serif; display: grid;"
    "place-items: center; min-height: 90vh; }</style></head><body><p>The page is starting; it comes by itself.</p>"
    "</body></html>\n"
)
_NO_PAGE = "There is no page here: the service was started without it. How to ask by HTTP stands at /docs."
_KINDS = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unknown_format"}


def create_app(config: ServeConfig, service: Service | None = None) -> FastAPI:
    """Load the model and build the application; it answers as soon as it is served.

    Parameters
    ----------
    config : ServeConfig
    service : Service, optional
        One that was made already; it is closed with the application all the same.

    Raises
    ------
    InputError
        When there is no model, or it cannot be used.
    """
    service = service or _service(config)
    page = _Page(service) if config.page else None

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        done = asyncio.Event()
        later = asyncio.create_task(_later(app, page, done))
        yield
        app.state.stopping.set()
        done.set()
        if page is None or not page.running:
            later.cancel()  # imports that are still under way need not come to an end
        with contextlib.suppress(asyncio.CancelledError):
            await later
        await asyncio.to_thread(app.state.jobs.close)
        service.close()

    # FastAPI's own page of documentation loads its scripts from elsewhere.
    app = FastAPI(
        title="Aletheia: is this face genuine?",
        version=aletheia.__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service, app.state.jobs, app.state.graph = service, Jobs(service), Graph(service)
    app.state.stopping = threading.Event()
    app.include_router(routes.router)

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()))

    if page:
        app.router.routes.append(Mount("/", app=page))
    _add_error_handlers(app)
    app.add_middleware(
        Guard,
        config=config,
        metrics=service.metrics,
        kept=lambda: app.state.jobs.size() + (page.size() if page else 0),
    )
    return app


def _service(config: ServeConfig) -> Service:
    decoder = Decoder.of(config)  # its processes start while the model loads
    try:
        return Service(load_model(config), config, decoder)
    except BaseException:
        decoder.close()
        raise


async def _later(app: FastAPI, page: _Page | None, done: asyncio.Event) -> None:
    """Build what takes seconds to import, while requests are answered already."""
    await _aside(app.state.graph.build)
    if page is None:
        return
    try:
        async with page.built():
            await done.wait()
    except Exception:
        logger.exception("the page failed; programs are answered all the same")


async def _aside(work: Callable[[], Any]) -> Any:
    """Do something in a thread that may be left behind when the process ends."""
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.shield(asyncio.wrap_future(future))


class _Page:
    """What stands at ``/``: a page that reloads itself until the real one has been built."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._inner: Any = None
        self._uploads: Any = None

    @property
    def running(self) -> bool:
        """Whether the real page is there."""
        return self._inner is not None

    def size(self) -> int:
        """Bytes of the uploads that lie there."""
        return self._uploads.size() if self._uploads else 0

    @contextlib.asynccontextmanager
    async def built(self) -> AsyncIterator[None]:
        """Build the page and keep it running."""
        holder, mounted = await _aside(self._build)
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
        """Answer with the page, or the one in its place."""
        if any(route.matches(scope)[0] == Match.PARTIAL for route in scope["app"].router.routes):
            raise HTTPException(405)  # the path is a route's, the method is not
        if self._inner is None:
            if scope["path"] != "/" or scope["method"] not in ("GET", "HEAD"):
                raise HTTPException(404)
            await HTMLResponse(_STARTING, headers={"Cache-Control": "no-store"})(scope, receive, send)
        else:
            await self._inner(scope, receive, send)


def _add_error_handlers(app: FastAPI) -> None:
    metrics = app.state.service.metrics

    @app.exception_handler(RequestError)
    def refused(request: Request, problem: RequestError) -> Response:
        return refusal(problem, metrics, request.url.path)

    @app.exception_handler(InputError)
    def unusable(request: Request, problem: InputError) -> Response:
        return refusal(RequestError(getattr(problem, "kind", "bad_request"), str(problem)), metrics, request.url.path)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, problem: RequestValidationError) -> Response:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in problem.errors()[:5]]
        return refusal(RequestError("bad_request", "; ".join(lines)), metrics, request.url.path)

    @app.exception_handler(HTTPException)
    def http(request: Request, problem: HTTPException) -> Response:
        kind = _KINDS.get(problem.status_code, "bad_request")
        text = f"{problem.detail}: {request.method} {request.url.path[:200]}"
        if kind == "not_found" and request.url.path == "/":
            text = _NO_PAGE
        return refusal(RequestError(kind, text), metrics, request.url.path)
