"""The guard at the door: who may ask, how much may be sent, and the headers that every answer carries."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
import logging
import time
from collections.abc import Callable
from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aletheia.core.hosts import LOCAL_NAMES, host_of, is_address, is_loopback
from aletheia.inference.errors import RequestError
from aletheia.serving.config import ServeConfig
from aletheia.serving.metrics import Metrics
from aletheia.serving.schemas import failure

logger = logging.getLogger("aletheia.serving")

# Gradio's page writes its configuration into inline scripts and its theme into inline styles, and makes functions of
# texts; everything comes from here, and nothing goes anywhere else.
_PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
_API_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "SAMEORIGIN",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_API = ("/v1/", "/v2", "/metrics", "/healthz", "/readyz", "/openapi.json", "/docs")
#: What needs no key: probes, the description of the interface, and the page's own files, which hold nothing.
_FREE = ("/healthz", "/readyz", "/v2/health/", "/openapi.json", "/docs")
_ASSETS = ("/assets/", "/static/", "/page/", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json")
#: Routes that are counted by their own names; all others together.
_COUNTED = ("/v1/predict", "/v1/jobs", "/healthz", "/readyz", "/metrics")

#: Of the page's, those that stay open as long as a tab does: their time says nothing.
_STREAMS = ("/queue/data",)

_OVERHEAD = 1 << 20  # of a form around its file, or of JSON around a picture
_IDLE_SECONDS = 30.0  # between two parts of a body
_BODY_SECONDS, _SLOWEST = 60.0, 10_000  # a body has a minute, and one second more for so many bytes
_DRAIN_SECONDS = 10.0


class Guard:
    """Checks a request before it reaches the application, and what it sends on the way.

    - With a key in the configuration, all but `_FREE` and the page's files need it: ``Authorization: Bearer KEY``,
      ``X-API-Key: KEY``, or as the password of Basic authentication, which a browser asks people for.
    - Pages of other sites cannot make a visitor's browser ask: not in their own name (``Origin``, ``Sec-Fetch-Site``),
      and on the loopback not by a name of theirs that leads here (``Host``: DNS rebinding).
    - A body that grows beyond its route's limit is cut off, and so is one that makes all together too large, or comes
      too slowly.
    - Every answer carries the headers above, is counted, and a failure of the service itself is logged.

    Parameters
    ----------
    app : ASGI application
    config : ServeConfig
    metrics : Metrics
    kept : callable
        Tells how many bytes others keep of requests that have ended: of jobs, and of uploads to the page.
    """

    def __init__(self, app: ASGIApp, config: ServeConfig, metrics: Metrics, kept: Callable[[], int]) -> None:
        self.app, self.config, self.metrics, self._kept = app, config, metrics, kept
        self._bodies, self._arriving = 0, 0
        self._most_bodies = 2 * (config.queue + config.workers)
        self._is_named = bool(config.names) or is_loopback(config.host)
        self._names = LOCAL_NAMES | set(config.names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":  # nothing here speaks it
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._limit(scope), self._count)
        began = time.perf_counter()
        try:
            await self._answer(scope, exchange)
        except ClientDisconnect:
            exchange.status = 499  # as others write it down: nobody was there to be told
        finally:
            self._bodies -= exchange.admitted
            self._arriving -= exchange.counted
            route = route_of(scope)
            self.metrics.requests.labels(route, exchange.status).inc()
            if not any(part in scope["path"] for part in _STREAMS):
                self.metrics.latency.labels(route).observe(time.perf_counter() - began)

    async def _answer(self, scope: Scope, exchange: _Exchange) -> None:
        try:
            self._check(scope, exchange)
            await self.app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            raise
        except RequestError as refused:
            if not exchange.status:
                await refusal(refused, self.metrics, scope["path"])(scope, exchange.receive, exchange.send)
        except Exception:  # a defect of ours: it must be seen, and must not end the connection without a word
            logger.exception("%s %s failed", scope["method"], scope["path"][:200])
            self.metrics.errors.labels("internal").inc()
            if not exchange.status:
                body = failure("internal", "The service failed at this request; its log says why.", scope["path"])
                await JSONResponse(body, 500)(scope, exchange.receive, exchange.send)

    def _check(self, scope: Scope, exchange: _Exchange) -> None:
        headers = exchange.headers
        if not scope["path"].startswith(_FREE):
            self._check_names(headers)
        if not self._knows(headers, scope["path"]):
            raise RequestError("unauthorised", "This needs the service's key: send it as Authorization: Bearer KEY.")
        sends_body = scope["method"] in ("POST", "PUT", "PATCH")
        if sends_body and headers.get("sec-fetch-site") == "cross-site":
            raise RequestError("forbidden", "This service does not answer pages of other sites (see Sec-Fetch-Site).")
        if sends_body:  # not before the key was seen: who has none must not take others' places
            if self._bodies >= self._most_bodies:
                raise _too_much()
            self._bodies += 1
            exchange.admitted = True
        announced = headers.get("content-length", "")
        if announced.isdigit() and int(announced) > exchange.limit:
            raise exchange.too_large()

    def _check_names(self, headers: dict[str, str]) -> None:
        host, origin = headers.get("host", ""), headers.get("origin")
        name = host_of(f"//{host}") or ""
        if host and self._is_named and name not in self._names and not is_address(name):
            raise RequestError(
                "forbidden", f"The Host header says {host[:80]!r}; this service must be told: serve --name."
            )
        # A proxy may call this service by another name than the browser did.
        if origin is not None and origin.partition("://")[2] != host and host_of(origin) not in self.config.names:
            raise RequestError(
                "forbidden", "This service does not answer pages of other sites (see the Origin header)."
            )

    def _knows(self, headers: dict[str, str], path: str) -> bool:
        key = self.config.api_key
        if key is None or path.startswith(_FREE) or path.startswith(_ASSETS):
            return True
        return any(hmac.compare_digest(word, key.get_secret_value().encode()) for word in _keys(headers))

    def _count(self, size: int) -> None:
        """Take note of a part of a body, which is kept until its request has been answered."""
        self._arriving += size
        if self._arriving + self._kept() > self.config.max_kept_bytes:
            raise _too_much()

    def _limit(self, scope: Scope) -> int:
        """Bytes that the body may have."""
        path, headers = scope["path"], dict(scope["headers"])
        if path.startswith("/v2/") or (b"json" in headers.get(b"content-type", b"") and path.startswith("/v1/")):
            return self.config.max_upload_bytes * 4 // 3 + _OVERHEAD
        if path in ("/v1/predict", "/v1/jobs", "/gradio_api/upload"):
            return max(self.config.max_video_bytes, self.config.max_upload_bytes) + _OVERHEAD
        return _OVERHEAD


class _Exchange:
    """One request and its answer: counts what comes in, completes what goes out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limit: int, count: Callable[[int], None]) -> None:
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.limit, self.status = limit, 0
        self.admitted, self.counted, self._count = False, 0, count
        self._began = time.monotonic()
        self._path, self._receive, self._send = scope["path"], receive, send
        self._taken, self._complete, self._cut = 0, False, False

    def too_large(self) -> RequestError:
        """The refusal of a body beyond the limit."""
        return RequestError("too_large", f"The request has more than {self.limit:,} bytes; send less.")

    async def receive(self) -> Message:
        """The next part of the body; Refused when there is too much of it, or nothing comes."""
        if self._complete:
            return await self._receive()  # the news that the client has gone
        left = _BODY_SECONDS + self._taken / _SLOWEST - (time.monotonic() - self._began)
        try:
            message = await asyncio.wait_for(self._receive(), min(_IDLE_SECONDS, left))
        except TimeoutError:
            self._cut = True
            raise RequestError("too_slow", "The request came too slowly, or not at all; send it again.") from None
        self._complete = message["type"] == "http.disconnect" or not message.get("more_body", False)
        size = len(message.get("body", b""))
        self._taken += size
        if self._taken > self.limit:
            raise self.too_large()
        self.counted += size
        self._count(size)
        return message

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on, the first with its headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if not self._complete and not self._cut:
                await self._drain()
            headers = [*message.get("headers", ()), *self._own(message)]
            if not self._complete:  # nobody reads what is still to come
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        await self._send(message)

    def _own(self, message: Message) -> list[tuple[bytes, bytes]]:
        given = {name.lower() for name, _ in message.get("headers", ())}
        policy = _API_POLICY if self._path.startswith(_API) else _PAGE_POLICY
        headers = {**_HEADERS, "content-security-policy": policy}
        if self._path.startswith(("/v1/", "/v2")):
            headers["cache-control"] = "no-store"
        if message["status"] == HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = 'Basic realm="Aletheia", charset="UTF-8"'
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        return [(name, value) for name, value in pairs if name not in given]

    async def _drain(self) -> None:
        """Take in and forget what the client still sends: who writes into a closed connection sees no answer.

        Within bounds; a client that waits to be told to go on is told by the answer itself.
        """
        if "expect" in self.headers:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self._complete and self._taken <= 2 * self.limit:
                    message = await self._receive()
                    self._taken += len(message.get("body", b""))
                    self._complete = message["type"] == "http.disconnect" or not message.get("more_body", False)


def refusal(refused: RequestError, metrics: Metrics, path: str) -> JSONResponse:
    """The answer to a request for a path that gets none; counted."""
    metrics.errors.labels(refused.kind).inc()
    headers = {} if refused.retry_after is None else {"Retry-After": str(refused.retry_after)}
    return JSONResponse(failure(refused.kind, str(refused), path), refused.status, headers)


def _too_much() -> RequestError:
    return RequestError("busy", "Too much is being sent at the same time; try again in 5 seconds.", retry_after=5)


def route_of(scope: Scope) -> str:
    """A route's name for counting: few, whatever is asked for."""
    path = scope["path"]
    if path in _COUNTED:
        return path
    if path.startswith("/v1/jobs/"):
        return "/v1/jobs/{id}"
    if path.startswith("/v2"):
        return "/v2/models/{name}/infer" if path.endswith("/infer") else "/v2"
    return "page"


def _keys(headers: dict[str, str]) -> list[bytes]:
    """All that a request shows as the key."""
    shown = [headers["x-api-key"].encode("latin-1")] if "x-api-key" in headers else []
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        shown.append(value.strip().encode("latin-1"))
    elif scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error, ValueError):
            shown.append(base64.b64decode(value, validate=True).partition(b":")[2])
    return shown
