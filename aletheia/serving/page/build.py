"""How the page is hung into the service's application."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aletheia.serving.page.blocks import build_page, gr
from aletheia.serving.page.gallery import SAMPLES, Gallery
from aletheia.serving.page.uploads import Uploads

if TYPE_CHECKING:
    from aletheia.serving.service import Service

_HERE = Path(__file__).parent
_FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_MONO = ("ui-monospace", "Consolas", "monospace")
#: Of Gradio's own addresses those that the page needs. Others read uploads back, act as a proxy, keep links on the disk
#: or show who came.
_PATHS = frozenset(
    {"/config", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json"}
    | {f"/gradio_api/{name}" for name in ("upload", "upload_progress", "queue/data", "cancel", "reset")}
    | {"/gradio_api/startup-events", "/gradio_api/info"}
)
#: What Gradio tells of itself to other sites that show a link, with pictures from there.
_METAS = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>')
_HEAD = b'<link rel="stylesheet" href="page/page.css"><script src="page/page.js"></script>'
_JOIN = "/gradio_api/queue/join"
_FOLDERS = ("/assets/", "/static/", "/svelte/", "/gradio_api/heartbeat/")


def mount_page(app: FastAPI, service: Service) -> FastAPI:
    """Hang the page into an application, at its root: after all other routes, which it would hide.

    Parameters
    ----------
    app : FastAPI
        Of the service.
    service : Service

    Returns
    -------
    FastAPI
        Gradio's application; it answers while `running`.
    """
    uploads, gallery = Uploads(), Gallery()
    os.environ["GRADIO_TEMP_DIR"] = str(uploads.folder)
    _add_files(app, gallery)
    page = build_page(service, uploads, gallery)
    gr.mount_gradio_app(
        app,
        page,
        "/",
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=service.config.max_video_bytes,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        theme=gr.themes.Base(font=_FONT, font_mono=_MONO),
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )
    mount = app.router.routes[-1]
    gradio, mount.app = mount.app, _Own(mount.app, frozenset(page.fns))
    gradio.state.uploads = uploads
    return gradio


class _Own:
    """Lets through to Gradio what the page asks for, and puts our head on its page.

    Parameters
    ----------
    app : ASGI application
        Gradio's.
    functions : frozenset of int
        What the page can ask for by number.
    """

    def __init__(self, app: ASGIApp, functions: frozenset[int]) -> None:
        self.app, self._functions = app, functions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_FOLDERS):
            await self.app(scope, receive, send)
        elif scope["path"] == "/":
            await self._page(scope, receive, send)
        elif scope["path"] == _JOIN:
            await self._join(scope, receive, send)
        elif scope["path"] in _PATHS:
            await self.app(scope, receive, send)
        else:
            raise HTTPException(404)

    async def _join(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Gradio fails at a number that it does not have a function for."""
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        try:
            asked = json.loads(body)
        except (ValueError, RecursionError):
            raise HTTPException(400, "The body is not the JSON that the page sends") from None
        number = asked.get("fn_index") if isinstance(asked, dict) else None
        if type(number) is not int or number not in self._functions:
            raise HTTPException(400, "The page has no such function")
        whole = iter([{"type": "http.request", "body": bytes(body), "more_body": False}])

        async def again() -> Message:
            return next(whole, None) or await receive()

        await self.app(scope, again, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        body = bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        await self.app(scope, receive, keep)
        html = _METAS.sub(b"", bytes(body)).replace(b"</head>", _HEAD + b"</head>", 1)
        answer = Response(html if body else b"", start["status"], media_type="text/html")
        await answer(scope, receive, send)


@contextlib.asynccontextmanager
async def running(page: FastAPI) -> AsyncIterator[None]:
    """What a mounted page needs while it answers. Only for an application that has started already.

    One that starts with the page mounted does this by itself.
    """
    async with page.router.lifespan_context(page):
        blocks = page.get_blocks()
        blocks.run_startup_events()
        await blocks.run_extra_startup_events()
        try:
            yield
        finally:
            page.state.uploads.close()


def _add_files(app: FastAPI, gallery: Gallery) -> None:
    """The page's own script, style and pictures. Gradio would rewrite the style, and cannot read all of it."""
    files = {"page.js": "text/javascript", "page.css": "text/css"}
    names = {sample.name: gallery.path(sample) for sample in SAMPLES}

    @app.get("/page/{name}", include_in_schema=False)
    def own(name: str) -> FileResponse:
        if name not in files:
            raise HTTPException(404, f"The page has no file {name[:40]!r}")
        return FileResponse(_HERE / name, media_type=files[name], headers={"Cache-Control": "no-cache"})

    @app.get("/page/gallery/{name}", include_in_schema=False)
    def sample(name: str) -> FileResponse:
        if name not in names:
            raise HTTPException(404, f"There is no picture {name[:40]!r} in the gallery")
        return FileResponse(names[name], headers={"Cache-Control": "max-age=86400"})
