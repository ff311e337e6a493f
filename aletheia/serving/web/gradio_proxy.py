"""Proxy before Gradio's application: passes on what the page needs, and nothing that names a file or an address.

Gradio resolves whatever looks like a file in a request: a path of this machine is read, an address is fetched. So no
request of a visitor reaches it as it came. Each is built anew from the few values that the page needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from gradio.routes import App
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Message, Receive, Scope, Send

from aletheia.inference.errors import RequestError
from aletheia.serving.routing import PolicyRoute, check_method
from aletheia.serving.uploads import parse_json
from aletheia.serving.web.event_stream import EventStreams
from aletheia.serving.web.policies import ASSET, PAGE, STREAM
from aletheia.serving.web.uploads import GONE, UploadStore, store_full_error

_ASSETS = (
    "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json", "/assets/{path:path}", "/static/{path:path}",
)  # fmt: skip
#: Gradio's description of itself for link previews of other sites, with pictures from there.
_PREVIEW_TAGS = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>')
_HEAD = b'<link rel="stylesheet" href="page/page.css"><script src="page/page.js"></script>'
_HEAD += b'<script src="page/feedback.js"></script>'
_TOKEN = re.compile(r"[0-9A-Za-z]{1,64}")
_SESSION = re.compile(rb"(?:^|&)session_hash=([0-9A-Za-z]{1,64})(?:&|$)")
#: Headers that Gradio gets: enough for the address of the page and for copies that a browser has.
_PASSED_HEADERS = (
    b"host",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"accept-encoding",
    b"if-none-match",
    b"if-modified-since",
)
_HOST = re.compile(rb"(?:[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


class GradioProxy:
    """The part of Gradio's application that the page uses, as an ASGI application.

    Parameters
    ----------
    gradio : App
        Gradio's application.
    uploads : UploadStore
        Files that can be asked about.
    streams : EventStreams
        Sends the answers.

    Attributes
    ----------
    routes : sequence of routes
        All that is passed on, each with its policy.
    """

    def __init__(self, gradio: App, uploads: UploadStore, streams: EventStreams) -> None:
        self._gradio, self._uploads, self._streams = gradio, uploads, streams
        self._functions = frozenset(number for number, function in gradio.get_blocks().fns.items() if function.fn)
        self._routes = (
            PolicyRoute("/", self._page, ("GET", "HEAD"), PAGE),
            PolicyRoute("/config", self._forward, ("GET", "HEAD"), PAGE),
            *(PolicyRoute(path, self._forward, ("GET", "HEAD"), ASSET) for path in _ASSETS),
            PolicyRoute("/gradio_api/queue/data", self._listen, ("GET",), STREAM),
            PolicyRoute("/gradio_api/queue/join", self._join, ("POST",), PAGE),
            PolicyRoute("/gradio_api/cancel", self._cancel, ("POST",), PAGE),
            PolicyRoute("/gradio_api/reset", self._reset, ("POST",), PAGE),
        )
        self.routes: Sequence[BaseRoute] = self._routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; RequestError for all that the page does not need."""
        for route in self._routes:
            if route.matches(scope)[0] is Match.FULL:
                await route.app(scope, receive, send)
                return
        check_method(scope, self._routes)
        path = scope["path"]
        message = f"There is nothing at {path[:200]!r}; the HTTP interface is described at /docs."
        raise RequestError("not_found", message)

    async def _forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward to Gradio without the query; its errors become those of the service."""
        status = 200

        async def send_success(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            if status < 400:
                await send(message)

        try:
            await self._gradio(_clean_scope(scope), receive, send_success)
        except (OSError, ValueError):
            # Gradio asks the file system for whatever name comes: one that no file can have, such as a part of more
            # than 255 bytes, is an error of the system's.
            if scope["method"] == "POST":
                raise
            status = 404
        if status == 503:
            raise store_full_error()
        if status >= 400:
            kind = "not_found" if status in (403, 404) else "bad_request"
            raise RequestError(kind, f"The page does not answer {scope['method']} {scope['path'][:200]!r}.")

    async def _post(self, scope: Scope, body: dict[str, Any], receive: Receive, send: Send) -> None:
        """Forward to Gradio with a body of our own."""
        request = iter([{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}])

        async def receive_body() -> Message:
            return next(request, None) or await receive()

        await self._forward(scope, receive_body, send)

    async def _join(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask about a file: its token is all that the page sends."""
        body = parse_json(await _read_body(receive))
        number, session, data = body.get("fn_index"), _checked_token(body, "session_hash"), body.get("data")
        if type(number) is not int or number not in self._functions:
            raise RequestError("bad_request", "The page has no such function.")
        token = data[0] if isinstance(data, list) and len(data) == 1 else None
        if not isinstance(token, str) or not self._uploads.claim(token):
            raise RequestError("bad_request", GONE)
        self._streams.register(session, token)
        try:
            await self._post(scope, {"fn_index": number, "session_hash": session, "data": [token]}, receive, send)
        except BaseException:
            self._uploads.discard(token)
            raise
        finally:
            self._streams.enqueued(session)

    async def _listen(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = _SESSION.search(scope["query_string"])
        if session is None:
            raise RequestError("bad_request", "session_hash is not one that the page gives.")
        await self._streams.listen(session[1].decode(), receive, send)

    async def _cancel(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = parse_json(await _read_body(receive))
        number, event = body.get("fn_index"), _checked_token(body, "event_id")
        request = {"session_hash": _checked_token(body, "session_hash"), "event_id": event, "fn_index": number}
        if type(number) is not int or number not in self._functions:
            raise RequestError("bad_request", "The page has no such function.")
        await self._post(scope, request, receive, send)
        self._gradio.iterators_to_reset.discard(event)  # its task has ended: nothing else would remove it

    async def _reset(self, scope: Scope, receive: Receive, send: Send) -> None:
        event = _checked_token(parse_json(await _read_body(receive)), "event_id")
        await self._post(scope, {"event_id": event}, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        await self._gradio(_clean_scope(scope), receive, collect)
        html = _PREVIEW_TAGS.sub(b"", bytes(body)).replace(b"</head>", _HEAD + b"</head>", 1)
        response = Response(html if body else b"", start["status"], media_type="text/html")
        await response(scope, receive, send)


def _clean_scope(scope: Scope) -> Scope:
    """Return the scope of a request for Gradio; RequestError when it would fail at the name of the host."""
    headers = [pair for pair in scope["headers"] if pair[0] in _PASSED_HEADERS]
    for name, value in headers:
        if name.endswith(b"host") and not _HOST.fullmatch(value.split(b",")[0].strip()):
            raise RequestError("bad_request", f"The header {name.decode()} names no host.")
    content_type = [(b"content-type", b"application/json")] if scope["method"] == "POST" else []
    method = "GET" if scope["method"] == "HEAD" else scope["method"]  # Gradio has HEAD for its first page only
    return {**scope, "method": method, "query_string": b"", "headers": headers + content_type}


async def _read_body(receive: Receive) -> bytes:
    """Read a request's body, whose size the middleware has bounded."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestError("bad_request", "The request did not arrive whole.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def _checked_token(body: dict[str, Any], name: str) -> str:
    """Return a value of letters and digits alone; RequestError for anything else."""
    token = body.get(name)
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise RequestError("bad_request", f"{name} is not one that the page gives.")
    return token
