"""Middleware that checks each request by its route's policy, bounds its body and completes the answer's headers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import traceback
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aletheia.core.hosts import is_loopback
from aletheia.core.request_checks import AUTHENTICATE, SECURITY_HEADERS, foreign_header, sends_key
from aletheia.inference.errors import RequestError
from aletheia.serving.config import ServeConfig
from aletheia.serving.metrics import ServiceMetrics
from aletheia.serving.routing import RoutePolicy, find_policy, head_as_get, set_policy
from aletheia.serving.schemas import failure

logger = logging.getLogger("aletheia.serving")

_IDLE_SECONDS = 30.0  # between two parts of a body
_BODY_SECONDS, _SLOWEST = 60.0, 10_000  # a body has a minute, and one second more for so many bytes
_DRAIN_SECONDS = 10.0
_SHOWN_FRAMES = 4  # of a defect, in the log
_CLIENT_CLOSED_REQUEST = 499  # nginx's status for a client that left before the answer; only in the metrics


class SecurityMiddleware:
    """Checks requests before they reach the application, and their bodies on the way.

    - With a key in the configuration, a route whose policy needs it is answered only with it: ``Authorization: Bearer
      KEY``, ``X-API-Key: KEY``, or as the password of Basic authentication, for which a browser prompts.
    - Pages of other sites cannot use a visitor's browser: requests with a foreign ``Origin`` or a cross-site
      ``Sec-Fetch-Site`` are refused, and on the loopback those with a foreign ``Host`` (DNS rebinding).
    - A body is cut off when it exceeds the limit of its route, when all bodies together become too large, or when it
      comes too slowly.
    - Every answer carries the headers of its policy and is counted; a failure of the service itself is logged.

    Parameters
    ----------
    app : ASGI application
    config : ServeConfig
    metrics : ServiceMetrics
    stored_bytes : callable
        Returns the bytes that are kept of requests that have ended: of jobs, and of uploads to the page.
    """

    def __init__(
        self, app: ASGIApp, config: ServeConfig, metrics: ServiceMetrics, stored_bytes: Callable[[], int]
    ) -> None:
        self.app, self.config, self.metrics, self._stored_bytes = app, config, metrics, stored_bytes
        self._open_bodies, self._arriving_bytes = 0, 0
        self._max_open_bodies = 2 * (config.queue + config.workers)
        self._checks_host = bool(config.names) or is_loopback(config.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":  # no route speaks it
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope = head_as_get(scope)
        policy, label = find_policy(scope["app"].routes, scope)
        set_policy(scope, policy)
        exchange = _Exchange(scope, receive, send, policy, self.config, self._count_bytes)
        began = time.perf_counter()
        try:
            await self._answer(scope, exchange)
        except ClientDisconnect:
            exchange.status = _CLIENT_CLOSED_REQUEST
        finally:
            self._open_bodies -= exchange.has_open_body
            self._arriving_bytes -= exchange.counted_bytes
            self.metrics.requests.labels(label, exchange.status).inc()
            if policy.is_timed:
                self.metrics.latency.labels(label).observe(time.perf_counter() - began)

    async def _answer(self, scope: Scope, exchange: _Exchange) -> None:
        try:
            self._check(scope, exchange)
            await self.app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            raise
        except RequestError as error:
            if not exchange.status:
                await error_response(error, self.metrics, exchange.policy)(scope, exchange.receive, exchange.send)
        except Exception as defect:  # of the service: logged, and answered rather than dropped
            # One line, whatever the request: a client must not fill the disk. The stack is there for who asks for it.
            logger.error("%s %r failed: %s", scope["method"], scope["path"][:200], _in_one_line(defect))
            logger.debug("the stack", exc_info=True)
            self.metrics.count_error("internal", asked=exchange.policy.asks)
            if not exchange.status:
                message = "The service failed at this request; its log says why."
                body = failure("internal", message, v2=exchange.policy.v2_errors)
                await JSONResponse(body, 500)(scope, exchange.receive, exchange.send)

    def _check(self, scope: Scope, exchange: _Exchange) -> None:
        headers, policy = exchange.headers, exchange.policy
        if policy.checks_origin:
            self._check_origin(headers)
        if policy.needs_key and not self._has_key(headers):
            raise RequestError("unauthorised", "This needs the service's key: send it as Authorization: Bearer KEY.")
        sends_body = scope["method"] in ("POST", "PUT", "PATCH")
        if sends_body and headers.get("sec-fetch-site") == "cross-site":
            raise RequestError("forbidden", "This service does not answer pages of other sites (see Sec-Fetch-Site).")
        if sends_body:  # after the key was checked: clients without it must not take the place of others
            if self._open_bodies >= self._max_open_bodies:
                raise _overload()
            self._open_bodies += 1
            exchange.has_open_body = True
        content_length = headers.get("content-length", "")
        if content_length.isdigit() and int(content_length) > exchange.limit:
            raise exchange.too_large()

    def _check_origin(self, headers: dict[str, str]) -> None:
        foreign = foreign_header(headers, self.config.names, checks_host=self._checks_host)
        if foreign == "Host":
            raise RequestError(
                "forbidden",
                f"The Host header {headers['host'][:80]!r} is not a name of this service; "
                "add it with aletheia serve --name.",
            )
        if foreign:
            raise RequestError(
                "forbidden", "This service does not answer pages of other sites (see the Origin header)."
            )

    def _has_key(self, headers: dict[str, str]) -> bool:
        key = self.config.api_key
        return key is None or sends_key(headers, key.get_secret_value())

    def _count_bytes(self, size: int) -> None:
        """Count a part of a body, which stays in memory or on the disk until its request has been answered."""
        self._arriving_bytes += size
        if self._arriving_bytes + self._stored_bytes() > self.config.max_kept_bytes:
            raise _overload()


class _Exchange:
    """One request and its answer: bounds the body, completes the headers of the answer."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        policy: RoutePolicy,
        config: ServeConfig,
        count_bytes: Callable[[int], None],
    ) -> None:
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.policy, self.status = policy, 0
        self.limit = policy.body_limit(config, self.headers.get("content-type", ""))
        self.has_open_body, self.counted_bytes, self._count_bytes = False, 0, count_bytes
        self._began = time.monotonic()
        self._receive, self._send = receive, send
        self._received_bytes, self._is_complete, self._timed_out = 0, False, False

    def too_large(self) -> RequestError:
        """Return the error for a body beyond the limit."""
        return RequestError("too_large", f"The request has more than {self.limit:,} bytes; send less.")

    async def receive(self) -> Message:
        """Receive the next part of the body.

        Raises
        ------
        RequestError
            When the body is too large or comes too slowly.
        """
        if self._is_complete:
            return await self._receive()  # the disconnect of the client
        left = _BODY_SECONDS + self._received_bytes / _SLOWEST - (time.monotonic() - self._began)
        try:
            message = await asyncio.wait_for(self._receive(), min(_IDLE_SECONDS, left))
        except TimeoutError:
            self._timed_out = True
            raise RequestError("too_slow", "The request came too slowly, or not at all; send it again.") from None
        size = self._note(message)
        if self._received_bytes > self.limit:
            raise self.too_large()
        self.counted_bytes += size
        self._count_bytes(size)
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer, the first with its headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if not self._is_complete and not self._timed_out:
                await self._drain()
            headers = [*message.get("headers", ()), *self._added_headers(message)]
            if not self._is_complete:  # the rest of the body is not read
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        await self._send(message)

    def _note(self, message: Message) -> int:
        """Update the state by a message from the client; return the bytes of body in it."""
        self._is_complete = message["type"] == "http.disconnect" or not message.get("more_body", False)
        size = len(message.get("body", b""))
        self._received_bytes += size
        return size

    def _added_headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        present = {name.lower() for name, _ in message.get("headers", ())}
        headers = {**SECURITY_HEADERS, "content-security-policy": self.policy.content_security_policy}
        if self.policy.cache_control is not None:
            headers["cache-control"] = self.policy.cache_control
        if message["status"] == HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = AUTHENTICATE
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        return [(name, value) for name, value in pairs if name not in present]

    async def _drain(self) -> None:
        """Receive and drop the rest of the body: a client that writes into a closed connection sees no answer.

        Within bounds; a client that waits for "100 Continue" gets the answer instead.
        """
        if "expect" in self.headers:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self._is_complete and self._received_bytes <= 2 * self.limit:
                    self._note(await self._receive())


def error_response(error: RequestError, metrics: ServiceMetrics, policy: RoutePolicy) -> JSONResponse:
    """Count an error and return the answer that reports it."""
    metrics.count_error(error.kind, asked=policy.asks)
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.allow:
        headers["Allow"] = ", ".join(error.allow)
    return JSONResponse(failure(error.kind, str(error), v2=policy.v2_errors), error.status, headers)


def _overload() -> RequestError:
    return RequestError("busy", "Too much is being sent at the same time; try again in 5 seconds.", retry_after=5)


def _in_one_line(error: Exception) -> str:
    """Return type, message and the innermost places of an error."""
    frames = traceback.extract_tb(error.__traceback__)[-_SHOWN_FRAMES:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__}: {str(error)[:300]!r} in {places}"
