"""How the page is hung into the service's application."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse

from aletheia.inference.errors import RequestError
from aletheia.serving.security import refusal
from aletheia.serving.uploads import received
from aletheia.serving.web.blocks import build_page
from aletheia.serving.web.event_stream import EventStreams
from aletheia.serving.web.gallery import SAMPLES, Gallery
from aletheia.serving.web.gradio_proxy import GradioProxy
from aletheia.serving.web.uploads import Uploads

if TYPE_CHECKING:
    from aletheia.serving.service import Service

_HERE = Path(__file__).parent
_FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_MONO = ("ui-monospace", "Consolas", "monospace")
#: Seconds in which a file that has arrived is asked about; the page does it at once.
_KEEP_SECONDS = 30.0


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
    uploads, gallery = Uploads(2 * (service.config.queue + service.config.workers)), Gallery()
    _add_files(app, gallery)
    _add_intake(app, uploads)

    @app.exception_handler(RequestError)
    def refused(request: Request, problem: RequestError) -> Response:
        return refusal(problem, service.metrics, request.url.path)

    page = build_page(service, uploads, gallery)
    gr.mount_gradio_app(
        app,
        page,
        "/",
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        theme=gr.themes.Base(font=_FONT, font_mono=_MONO),
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )
    mount = app.router.routes[-1]
    gradio, streams = mount.app, EventStreams(page, uploads)
    mount.app = GradioProxy(gradio, uploads, streams)
    gradio.state.uploads, gradio.state.streams = uploads, streams
    return gradio


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
            raise RequestError("not_found", f"The page has no file {name[:40]!r}.")
        return FileResponse(_HERE / name, media_type=files[name], headers={"Cache-Control": "no-cache"})

    @app.get("/page/gallery/{name}", include_in_schema=False)
    def sample(name: str) -> FileResponse:
        if name not in names:
            raise RequestError("not_found", f"There is no picture {name[:40]!r} in the gallery.")
        return FileResponse(names[name], headers={"Cache-Control": "max-age=86400"})


def _add_intake(app: FastAPI, uploads: Uploads) -> None:
    """Where the page sends files: Gradio's own place takes as many as it is sent, under names of the sender's."""

    @app.post("/gradio_api/upload", include_in_schema=False)
    async def take(request: Request) -> dict[str, str]:
        async with received(request) as upload:
            if upload.is_json:
                raise RequestError("unknown_format", "The page sends the picture or video as file of a form.")
            token = uploads.keep(upload)
        asyncio.get_running_loop().call_later(_KEEP_SECONDS, uploads.expire, token)
        return {"token": token}
