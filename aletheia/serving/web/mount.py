"""Mounting of the page into the service's application."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import FileResponse
from gradio.routes import App

from aletheia.inference.errors import RequestError
from aletheia.serving.routing import FallbackMount, current_policy
from aletheia.serving.security import error_response
from aletheia.serving.uploads import receive_upload
from aletheia.serving.web.blocks import build_page
from aletheia.serving.web.event_stream import EventStreams
from aletheia.serving.web.gallery import SAMPLES, Gallery
from aletheia.serving.web.gradio_proxy import GradioProxy
from aletheia.serving.web.policies import ASSET, UPLOAD
from aletheia.serving.web.uploads import UploadStore

if TYPE_CHECKING:
    from aletheia.serving.service import InferenceService

_HERE = Path(__file__).parent
_FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_MONO = ("ui-monospace", "Consolas", "monospace")
#: Seconds in which a file that has arrived must be claimed; the page does so at once.
_KEEP_SECONDS = 30.0
_READ = ["GET", "HEAD"]


def mount_page(app: FastAPI, service: InferenceService) -> App:
    """Mount the page at the root of an application: after all other routes, which it would hide.

    Parameters
    ----------
    app : FastAPI
    service : InferenceService

    Returns
    -------
    App
        Gradio's application; it answers while `running`. Its state holds ``uploads`` and ``streams``.
    """
    uploads, gallery = UploadStore(2 * (service.config.queue + service.config.workers)), Gallery()
    _add_files(app, gallery)
    _add_upload(app, uploads)

    @app.exception_handler(RequestError)
    def request_error(request: Request, error: RequestError) -> Response:
        return error_response(error, service.metrics, current_policy(request.scope))

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
    gradio: App = app.router.routes.pop().app  # type: ignore[attr-defined]  # of a Mount, which Gradio has appended
    streams = EventStreams(page, uploads)
    app.router.routes.append(FallbackMount("/", GradioProxy(gradio, uploads, streams)))
    gradio.state.uploads, gradio.state.streams = uploads, streams
    return gradio


@contextlib.asynccontextmanager
async def running(page: App) -> AsyncIterator[None]:
    """Keep a mounted page running. Only for an application that was started before the page was mounted.

    Otherwise FastAPI does the same at the start of the application.
    """
    async with page.router.lifespan_context(page):
        blocks = page.get_blocks()
        blocks.run_startup_events()  # type: ignore[no-untyped-call]
        await blocks.run_extra_startup_events()  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            page.state.uploads.close()


def _add_files(app: FastAPI, gallery: Gallery) -> None:
    """Add the page's own script, style and pictures. Gradio would rewrite the style, and cannot parse all of it."""
    files = {"page.js": "text/javascript", "feedback.js": "text/javascript", "page.css": "text/css"}
    pictures = {sample.name: gallery.path(sample) for sample in SAMPLES}

    @app.api_route("/page/{name}", methods=_READ, include_in_schema=False, dependencies=[Depends(ASSET)])
    def page_file(name: str) -> FileResponse:
        if name not in files:
            raise RequestError("not_found", f"The page has no file {name[:40]!r}.")
        return FileResponse(_HERE / name, media_type=files[name], headers={"Cache-Control": "no-cache"})

    @app.api_route("/page/gallery/{name}", methods=_READ, include_in_schema=False, dependencies=[Depends(ASSET)])
    def gallery_picture(name: str) -> FileResponse:
        if name not in pictures:
            raise RequestError("not_found", f"There is no picture {name[:40]!r} in the gallery.")
        return FileResponse(pictures[name], headers={"Cache-Control": "max-age=86400"})


def _add_upload(app: FastAPI, uploads: UploadStore) -> None:
    """Add the route for uploads. Gradio's own accepts any number of files, under names that the client chooses."""

    @app.post("/gradio_api/upload", include_in_schema=False, dependencies=[Depends(UPLOAD)])
    async def upload(request: Request) -> dict[str, str]:
        async with receive_upload(request) as upload:
            if upload.is_json:
                raise RequestError("unknown_format", "The page sends the picture or video as file of a form.")
            token = uploads.keep(upload)
        asyncio.get_running_loop().call_later(_KEEP_SECONDS, uploads.expire, token)
        return {"token": token}
