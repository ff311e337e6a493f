"""Streams of answers: what is kept of a visitor ends with the visit, however that ends."""

from __future__ import annotations

import asyncio
import json

import pytest

from aletheia.serving.service import InferenceService

from ...waiting import PATIENCE
from .mounted_page import DATA, JOIN, ask, become, let_an_hour_pass, mounted, remains, wait_until_forgotten


@pytest.fixture(scope="module")
def service(make_service) -> InferenceService:
    return make_service(queue=2)


def test_streams_forget_session_after_answer(service, portraits, jpeg):
    async def visit() -> None:
        async with mounted(service) as page:
            for number in range(5):
                await ask(page, jpeg(portraits[number][0]), f"visitor{number}")
                text = (await page.client.get(DATA, params={"session_hash": f"visitor{number}"})).text
                assert "Not part of the score" in text and "data:image/jpeg" in text
                assert json.loads(text.strip().splitlines()[-1].removeprefix("data: "))["msg"] == "close_stream"
                assert page.blocks._queue.pending_messages_per_session.keys() == set()  # at once
            await wait_until_forgotten(page)
            assert page.blocks._queue.cached_event_analytics_summary == {"functions": {}}
            assert page.gradio.state_holder.capacity == 3  # should Gradio find another way to keep one

    asyncio.run(visit())


def test_streams_forget_session_that_never_listens(service, portraits, jpeg):
    async def visit() -> None:
        async with mounted(service) as page:
            with service.admission.turn():  # one is looked at when nobody comes, the other waits
                await ask(page, jpeg(portraits[0][0]), "one")
                await ask(page, jpeg(portraits[1][0]), "two")
                await become(lambda: service.admission.waiting)
                assert {"sessions", "messages", "ids", "events", "bytes"} <= remains(page).keys()
                let_an_hour_pass()
                await become(lambda: "messages" not in remains(page))
            await wait_until_forgotten(page)
            await ask(page, jpeg(portraits[0][0]), "one")  # and the page goes on
            assert "data:image/jpeg" in (await page.client.get(DATA, params={"session_hash": "one"})).text

    asyncio.run(visit())


def test_upload_expires_without_request(service):
    async def visit() -> None:
        async with mounted(service) as page:
            await page.client.post("/gradio_api/upload", files={"file": ("x", b"x" * 2_000_000)})
            assert page.uploads.size() == 2_000_000
            let_an_hour_pass()
            await wait_until_forgotten(page)

    asyncio.run(visit())


def test_streams_forget_session_that_leaves_or_cancels(service, portraits, jpeg):
    async def visit() -> None:
        async with mounted(service) as page:
            left = asyncio.Event()

            async def receive() -> dict:
                await left.wait()
                return {"type": "http.disconnect"}

            async def send(message: dict) -> None:
                if b"process_generating" in message.get("body", b""):
                    left.set()

            await ask(page, jpeg(portraits[0][0]), "leaves")
            async with asyncio.timeout(PATIENCE):
                await page.streams.listen("leaves", receive, send)
            await wait_until_forgotten(page)
            with service.admission.turn():
                await ask(page, jpeg(portraits[0][0]), "underway")
                await become(lambda: service.admission.waiting)
                await ask(page, jpeg(portraits[1][0]), "cancels")
                (event,) = page.blocks._queue.pending_event_ids_session["cancels"]
                size = page.uploads.size()
                listening = asyncio.create_task(page.client.get(DATA, params={"session_hash": "cancels"}))
                await become(lambda: "cancels" in page.streams._replaced)
                body = {"session_hash": "cancels", "fn_index": 0, "event_id": event}
                assert (await page.client.post("/gradio_api/cancel", json=body)).status_code == 200
                assert "close_stream" in (await listening).text
                assert page.uploads.size() < size
                await page.streams.disconnect("underway")
            await wait_until_forgotten(page)

    asyncio.run(visit())


def test_streams_second_listener_takes_over(service, portraits, jpeg):
    """As when a phone changes its network: the dead stream is noticed late and must not end the new one."""

    async def visit() -> None:
        async with mounted(service) as page:
            old, bodies = asyncio.Event(), []

            async def receive() -> dict:
                await old.wait()
                return {"type": "http.disconnect"}

            async def send(message: dict) -> None:
                bodies.append(message.get("body", b""))

            with service.admission.turn():
                await ask(page, jpeg(portraits[0][0]), "phone")
                first = asyncio.create_task(page.streams.listen("phone", receive, send))
                await become(lambda: "phone" in page.streams._replaced)
                second = asyncio.create_task(page.client.get(DATA, params={"session_hash": "phone"}))
                await become(first.done)
                old.set()
            async with asyncio.timeout(PATIENCE):
                text = (await second).text
            assert "data:image/jpeg" in text and "close_stream" in text
            assert not any(b"data:image/jpeg" in body for body in bodies)
            await wait_until_forgotten(page)

    asyncio.run(visit())


def test_proxy_full_queue_keeps_nothing(service, portraits, jpeg):
    async def visit() -> None:
        async with mounted(service) as page:
            with service.admission.turn():
                for number in range(4):  # one under way, three may wait
                    await ask(page, jpeg(portraits[0][0]), f"s{number}")
                    await become(lambda: service.admission.waiting)
                before = page.uploads.size()
                taken = await page.client.post("/gradio_api/upload", files={"file": ("x", b"x" * 999)})
                body = {"fn_index": 0, "data": [taken.json()["token"]], "session_hash": "late"}
                refused = await page.client.post(JOIN, json=body)
                assert refused.status_code == 429 and refused.json()["error"]["kind"] == "busy"
                assert page.uploads.size() == before
                for number in range(4):
                    await page.streams.disconnect(f"s{number}")
            let_an_hour_pass()  # for the last one, which nobody listens to
            await wait_until_forgotten(page)

    asyncio.run(visit())
