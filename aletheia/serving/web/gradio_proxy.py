"""What of Gradio can be reached from outside: what the page asks for, and nothing that names a file or an address.

Gradio takes whatever looks like a file in a request for one: a path of this machine is read, an address is fetched. So
no request of a visitor reaches it as it came. Each is made anew from the few values that the page needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from gradio.routes import App
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from aletheia.inference.errors import RequestError
from aletheia.serving.uploads import parsed
from aletheia.serving.web.event_stream import EventStreams
from aletheia.serving.web.uploads import GONE, Uploads, too_many

_READ = ("/config", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json")
_FOLDERS = ("/assets/", "/static/")
#: What Gradio tells of itself to other sites that show a link, with pictures from there.
_METAS = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>')
_HEAD = b'<link rel="stylesheet" href="page/page.css"><script src="page/page.js"></script>'
_WORD = re.compile(r"[0-9A-Za-z]{1,64}")
_SESSION = re.compile(rb"(?:^|&)session_hash=([0-9A-Za-z]{1,64})(?:&|$)")
#: What Gradio is told of who asks: enough for the address of the page and for copies that a browser has.
_HEARD = (
    b"host",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"accept-encoding",
    b"if-none-match",
    b"if-modified-since",
)
_HOST = re.compile(rb"(?:[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


class GradioProxy:
    """The page's part of Gradio.

    Parameters
    ----------
    gradio : App
        Gradio's application.
    uploads : Uploads
        The files that can be asked about.
    streams : EventStreams
        Who tells the answers.
    """

    def __init__(self, gradio: App, uploads: Uploads, streams: EventStreams) -> None:
        self._gradio, self._uploads, self._streams = gradio, uploads, streams
        self._functions = frozenset(number for number, function in gradio.get_blocks().fns.items() if function.fn)
        self._asked: dict[tuple[str, str], Callable[[Scope, Receive, Send], Awaitable[None]]] = {
            ("GET", "/"): self._page,
            ("HEAD", "/"): self._page,
            ("GET", "/gradio_api/queue/data"): self._listen,
            ("POST", "/gradio_api/queue/join"): self._join,
            ("POST", "/gradio_api/cancel"): self._cancel,
            ("POST", "/gradio_api/reset"): self._reset,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; Refused for all that the page does not need."""
        asked = (scope.get("method", ""), scope["path"])
        if asked in self._asked:
            await self._asked[asked](scope, receive, send)
        elif asked[0] == "GET" and (asked[1] in _READ or asked[1].startswith(_FOLDERS)):
            await self._through(scope, receive, send)
        else:
            raise RequestError(
                "not_found", f"There is nothing at {asked[1][:200]!r}; how to ask by HTTP stands at /docs."
            )

    async def _through(self, scope: Scope, receive: Receive, send: Send) -> None:
        """To Gradio, without what was asked for behind the path; what it refuses is told in the service's words."""
        status = 200

        async def passed(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            if status < 400:
                await send(message)

        await self._gradio(_cleaned(scope), receive, passed)
        if status == 503:
            raise too_many()
        if status >= 400:
            kind = "not_found" if status in (403, 404) else "bad_request"
            raise RequestError(kind, f"The page does not answer {scope['method']} {scope['path'][:200]!r}.")

    async def _post(self, scope: Scope, body: dict[str, Any], receive: Receive, send: Send) -> None:
        """To Gradio, with a body of our own."""
        whole = iter([{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}])

        async def again() -> Message:
            return next(whole, None) or await receive()

        await self._through(scope, again, send)

    async def _join(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask about a file: which one is all that the page has to say."""
        asked = parsed(await _body(receive))
        number, session, data = asked.get("fn_index"), _word(asked, "session_hash"), asked.get("data")
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
        asked = parsed(await _body(receive))
        number, event = asked.get("fn_index"), _word(asked, "event_id")
        body = {"session_hash": _word(asked, "session_hash"), "event_id": event, "fn_index": number}
        if type(number) is not int or number not in self._functions:
            raise RequestError("bad_request", "The page has no such function.")
        await self._post(scope, body, receive, send)
        self._gradio.iterators_to_reset.discard(event)  # its task has ended: nobody else would remove it

    async def _reset(self, scope: Scope, receive: Receive, send: Send) -> None:
        event = _word(parsed(await _body(receive)), "event_id")
        await self._post(scope, {"event_id": event}, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        body = bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        await self._gradio(_cleaned(scope), receive, keep)
        html = _METAS.sub(b"", bytes(body)).replace(b"</head>", _HEAD + b"</head>", 1)
        answer = Response(html if body else b"", start["status"], media_type="text/html")
        await answer(scope, receive, send)


def _cleaned(scope: Scope) -> Scope:
    """A request for Gradio; Refused where it fails at the name that this machine is called by."""
    headers = [pair for pair in scope["headers"] if pair[0] in _HEARD]
    for name, value in headers:
        if name.endswith(b"host") and not _HOST.fullmatch(value.split(b",")[0].strip()):
            raise RequestError("bad_request", f"The header {name.decode()} names no host.")
    kind = [(b"content-type", b"application/json")] if scope["method"] == "POST" else []
    return {**scope, "query_string": b"", "headers": headers + kind}


async def _body(receive: Receive) -> bytes:
    """All of a request's body, which the guard has bounded."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestError("bad_request", "The request did not arrive whole.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def _word(asked: dict[str, Any], name: str) -> str:
    """A value of letters and digits alone; Refused for anything else."""
    word = asked.get(name)
    if not isinstance(word, str) or not _WORD.fullmatch(word):
        raise RequestError("bad_request", f"{name} is not one that the page gives.")
    return word
