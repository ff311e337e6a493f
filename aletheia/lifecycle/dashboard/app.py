"""The dashboard's application: a page, the same as JSON, and two files. It reads; nothing can be changed through it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aletheia.core.errors import InputError
from aletheia.core.request_checks import AUTHENTICATE, SECURITY_HEADERS, foreign_header, sends_key
from aletheia.core.validation import explain_validation
from aletheia.lifecycle.dashboard.page import page_file, render_page
from aletheia.lifecycle.dashboard.period import find_zone
from aletheia.lifecycle.dashboard.watch import DashboardWatch

#: Scripts, styles and data come from the dashboard alone; nothing is written into the page that could run.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {**SECURITY_HEADERS, "content-security-policy": CSP, "cache-control": "no-store"}
_LONGEST_QUERY = 500
_PAGES_KEPT = 32


class Query(BaseModel):
    """What a request may ask for."""

    model_config = ConfigDict(extra="forbid")

    period: str = Field("day", max_length=20)
    end: float | None = None
    zone: str = Field("", max_length=60)


def create_app(
    watch: DashboardWatch, *, names: Collection[str] = (), checks_host: bool = True, key: str = ""
) -> Starlette:
    """Build the application; it follows the log from the first request to the last.

    Parameters
    ----------
    watch : DashboardWatch
        Started and stopped with the application.
    names : collection of str
        Host names besides those of this machine.
    checks_host : bool
        Whether other names are refused.
    key : str
        That a request must send; empty for none.
    """
    pages: dict[tuple[Any, ...], tuple[Mapping[str, Any], bytes]] = {}

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        watch.start()
        yield
        await run_in_threadpool(watch.stop)

    async def page(request: Request) -> Response:
        query = _parse(request)
        zone = find_zone(query.zone)
        summary = await run_in_threadpool(watch.summary, query.period, query.end)
        asked = (query.period, query.end, query.zone)
        drawn = pages.get(asked)
        if drawn is None or drawn[0] is not summary:  # else nothing changed since it was drawn
            text = await run_in_threadpool(render_page, summary, watch.rules, zone, query.zone)
            if len(pages) >= _PAGES_KEPT:
                pages.pop(next(iter(pages)))
            drawn = pages[asked] = (summary, text.encode())
        return _tagged(request, drawn[1], "text/html; charset=utf-8")

    async def summary(request: Request) -> Response:
        query = _parse(request)
        find_zone(query.zone)  # moments are numbers here, but a zone that does not exist is refused all the same
        values = await run_in_threadpool(watch.summary, query.period, query.end)
        return _tagged(request, json.dumps(values, allow_nan=False).encode(), "application/json")

    async def file(request: Request) -> Response:
        found = page_file(request.path_params["name"])
        if found is None:
            raise HTTPException(404, "There is no such file.")
        return _tagged(request, found[0], f"{found[1]}; charset=utf-8", cached="max-age=31536000, immutable")

    return Starlette(
        routes=[Route("/", page), Route("/api/v1/summary", summary), Route("/files/{name}", file)],
        lifespan=lifespan,
        middleware=[
            Middleware(_Guard, names=names, checks_host=checks_host, key=key),
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5),
        ],
        exception_handlers={InputError: _refuse, HTTPException: _fail},
    )


def _parse(request: Request) -> Query:
    if len(request.url.query) > _LONGEST_QUERY:
        raise InputError("The query is too long.")
    try:
        return Query(**dict(request.query_params))
    except ValidationError as error:
        raise InputError(explain_validation(error)) from None


def _tagged(request: Request, content: bytes, media_type: str, *, cached: str = "") -> Response:
    """Answer with content, or that it is the same as before: its tag is a hash of it (RFC 9110, 8.8.3)."""
    # Weak: what is compressed on the way has other bytes.
    tag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"etag": tag, **({"cache-control": cached} if cached else {})}
    if tag in (sent.strip() for sent in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media_type)


async def _refuse(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _fail(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


class _Guard:
    """Refuses requests of other sites' pages and those without the key, and completes the headers of answers."""

    def __init__(self, app: ASGIApp, names: Collection[str], checks_host: bool, key: str) -> None:
        self.app, self._names, self._checks_host, self._key = app, frozenset(names), checks_host, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                added = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *(h for h in added if h[0] not in present)]}
            await send(message)

        refusal = self._refusal(headers)
        await (refusal or self.app)(scope, receive, complete)

    def _refusal(self, headers: Mapping[str, str]) -> Response | None:
        foreign = foreign_header(headers, self._names, checks_host=self._checks_host)
        if foreign:
            text = f"This dashboard does not answer pages of other sites (see the {foreign} header)."
            return PlainTextResponse(text, 403)
        if self._key and not sends_key(headers, self._key):
            values: dict[str, Any] = {"www-authenticate": AUTHENTICATE}
            return PlainTextResponse("This needs the service's key, as Authorization: Bearer KEY.", 401, values)
        return None
