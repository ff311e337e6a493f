"""The page mounted in an application, without a browser: what a visitor's script does, and what is kept of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI

from aletheia.serving.service import InferenceService

from ...waiting import PATIENCE

#: Seconds in which a file must be asked about, and an answer be listened to; a test can let them pass.
AN_HOUR = 3600.0
JOIN, DATA = "/gradio_api/queue/join", "/gradio_api/queue/data"


@contextlib.asynccontextmanager
async def mounted(service: InferenceService) -> AsyncIterator[SimpleNamespace]:
    """Mount the page in an application; its parts are in the namespace."""
    from aletheia.serving.web import mount

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gradio = mount.mount_page(app, service)
    gradio.state.streams.listen_timeout = AN_HOUR
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 9))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mount, "_KEEP_SECONDS", AN_HOUR)
        async with (
            mount.running(gradio),
            httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=PATIENCE) as client,
        ):
            yield SimpleNamespace(
                app=app,
                client=client,
                gradio=gradio,
                blocks=gradio.get_blocks(),
                proxy=app.router.routes[-1].app,
                streams=gradio.state.streams,
                uploads=gradio.state.uploads,
            )


async def ask(page: SimpleNamespace, data: bytes, session: str) -> None:
    """Hand in a file and ask about it, as the page's script does."""
    token = (await page.client.post("/gradio_api/upload", files={"file": ("x", data)})).json()["token"]
    body = {"fn_index": 0, "data": [token], "session_hash": session, "trigger_id": 2}
    response = await page.client.post(JOIN, json=body)
    assert response.status_code == 200, response.text


def remains(page: SimpleNamespace) -> dict[str, int]:
    """Count everything that is kept of any visitor."""
    queue, blocks, gradio = page.blocks._queue, page.blocks, page.gradio
    things = {
        "sessions": blocks.state_holder.session_data,
        "times": blocks.state_holder.time_last_used,
        "messages": queue.pending_messages_per_session,
        "ids": queue.pending_event_ids_session,
        "events": queue.event_ids_to_events,
        "analytics": queue.event_analytics,
        "iterators": gradio.iterators,
        "to reset": gradio.iterators_to_reset,
        "differences": blocks.pending_diff_streams,
        "streams": blocks.pending_streams,
        "paths": blocks.upload_file_set,
        "streams of the page": page.streams._timers.keys()
        | page.streams._replaced.keys()
        | page.streams._tokens.keys(),
        "bytes": range(page.uploads.size()),
    }
    return {name: len(all_of) for name, all_of in things.items() if all_of}


async def become(condition: Callable[[], object]) -> None:
    """Wait, on the loop, until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.02)


def let_an_hour_pass() -> None:
    """Put the clock of the loop forward."""
    loop = asyncio.get_running_loop()
    time = loop.time
    loop.time = lambda: time() + AN_HOUR


async def wait_until_forgotten(page: SimpleNamespace) -> None:
    await become(lambda: not remains(page))
