"""The proxy before Gradio and the streams of answers, with the real page and without a browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI

from aletheia.serving.routing import STRICTEST, find_policy
from aletheia.serving.service import InferenceService
from aletheia.serving.web.policies import ASSET, PAGE, STREAM, UPLOAD

JOIN, DATA = "/gradio_api/queue/join", "/gradio_api/queue/data"


@pytest.fixture(scope="module")
def service(make_service) -> InferenceService:
    return make_service(queue=2)


@contextlib.asynccontextmanager
async def mounted(service: InferenceService) -> AsyncIterator[SimpleNamespace]:
    """Mount the page in an application; its parts are in the namespace."""
    from aletheia.serving.web.mount import mount_page, running

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gradio = mount_page(app, service)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 9))
    async with (
        running(gradio),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client,
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


async def wait_until_forgotten(page: SimpleNamespace) -> None:
    async with asyncio.timeout(10):
        while remains(page):
            await asyncio.sleep(0.02)


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
            page.streams.listen_timeout = 0.5
            with service.admission.turn():  # one is looked at when nobody comes, the other waits
                await ask(page, jpeg(portraits[0][0]), "one")
                await ask(page, jpeg(portraits[1][0]), "two")
                await asyncio.sleep(0.3)
                assert {"sessions", "messages", "ids", "events", "bytes"} <= remains(page).keys()
                await asyncio.sleep(0.6)
            await wait_until_forgotten(page)
            await ask(page, jpeg(portraits[0][0]), "one")  # and the page goes on
            assert "data:image/jpeg" in (await page.client.get(DATA, params={"session_hash": "one"})).text

    asyncio.run(visit())


def test_upload_expires_without_request(service, monkeypatch):
    monkeypatch.setattr("aletheia.serving.web.mount._KEEP_SECONDS", 0.2)

    async def visit() -> None:
        async with mounted(service) as page:
            await page.client.post("/gradio_api/upload", files={"file": ("x", b"x" * 2_000_000)})
            assert page.uploads.size() == 2_000_000
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
            async with asyncio.timeout(20):
                await page.streams.listen("leaves", receive, send)
            await wait_until_forgotten(page)
            with service.admission.turn():
                await ask(page, jpeg(portraits[0][0]), "underway")
                await asyncio.sleep(0.2)
                await ask(page, jpeg(portraits[1][0]), "cancels")
                (event,) = page.blocks._queue.pending_event_ids_session["cancels"]
                size = page.uploads.size()
                listening = asyncio.create_task(page.client.get(DATA, params={"session_hash": "cancels"}))
                await asyncio.sleep(0.1)
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
                await asyncio.sleep(0.1)
                second = asyncio.create_task(page.client.get(DATA, params={"session_hash": "phone"}))
                await asyncio.sleep(0.1)
                assert first.done()
                old.set()
            async with asyncio.timeout(20):
                text = (await second).text
            assert "data:image/jpeg" in text and "close_stream" in text
            assert not any(b"data:image/jpeg" in body for body in bodies)
            await wait_until_forgotten(page)

    asyncio.run(visit())


def test_proxy_full_queue_keeps_nothing(service, portraits, jpeg):
    async def visit() -> None:
        async with mounted(service) as page:
            page.streams.listen_timeout = 0.5
            with service.admission.turn():
                for number in range(4):  # one under way, three may wait
                    await ask(page, jpeg(portraits[0][0]), f"s{number}")
                    await asyncio.sleep(0.1)
                before = page.uploads.size()
                taken = await page.client.post("/gradio_api/upload", files={"file": ("x", b"x" * 999)})
                body = {"fn_index": 0, "data": [taken.json()["token"]], "session_hash": "late"}
                refused = await page.client.post(JOIN, json=body)
                assert refused.status_code == 429 and refused.json()["error"]["kind"] == "busy"
                assert page.uploads.size() == before
                await asyncio.sleep(0.8)
            await wait_until_forgotten(page)

    asyncio.run(visit())


def test_proxy_rebuilds_requests(service):
    """A path, an address, a block to change or a user name in a request do not reach Gradio."""

    async def visit() -> list:
        received = []
        async with mounted(service) as page:

            async def spy(scope, receive, send) -> None:
                received.append((scope["path"], scope["query_string"], json.loads((await receive())["body"])))
                assert {name for name, _ in scope["headers"]} <= {b"host", b"accept-encoding", b"content-type"}
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"{}"})

            spy.iterators_to_reset = set()
            page.proxy._gradio = spy
            token = (await page.client.post("/gradio_api/upload", files={"file": ("../../x\0", b"x")})).json()["token"]
            file = {"path": "/etc/passwd", "url": "http://a.example/", "meta": {"_type": "gradio.FileData"}}
            extra = {"trigger_id": 1, "event_data": file, "event_id": "x", "oauth_token": "x", "simple_format": True}
            body = {"fn_index": 0, "session_hash": "s", "data": [token], "batched": True, "request": file, **extra}
            strange = {"cookie": "a=b", "x-gradio-server": "http://a.example", "origin": "http://localhost"}
            assert (await page.client.post(f"{JOIN}?deep_link=x", json=body, headers=strange)).status_code == 200
            again = await page.client.post(JOIN, json=body)
            assert again.status_code == 400 and "did not arrive" in again.json()["error"]["message"]
            cancel = {"fn_index": 0, "session_hash": "s", "event_id": "e", "data": file}
            assert (await page.client.post("/gradio_api/cancel", json=cancel)).status_code == 200
            await page.streams.disconnect("s")
        joined = {"fn_index": 0, "session_hash": "s", "data": [token]}
        cancelled = {"session_hash": "s", "event_id": "e", "fn_index": 0}
        assert received == [(JOIN, b"", joined), ("/gradio_api/cancel", b"", cancelled)]

    asyncio.run(visit())


@pytest.mark.parametrize("name", ["[", "a:b:c", "", "a b", "a/b", "a@b", "é"])
def test_proxy_refuses_malformed_host(service, name):
    """Gradio would fail at it in the middle of the work, without an answer."""

    async def visit() -> None:
        async with mounted(service) as page:
            for header in ("host", "x-forwarded-host"):
                answer = await page.client.get("/", headers={header: name.encode()})
                assert answer.status_code == 400 and "names no host" in answer.json()["error"]["message"]
                token = (await page.client.post("/gradio_api/upload", files={"file": ("x", b"x")})).json()["token"]
                body = {"fn_index": 0, "session_hash": "s", "data": [token]}
                assert (await page.client.post(JOIN, json=body, headers={header: name.encode()})).status_code == 400
            assert page.uploads.size() == 0
            assert (await page.client.get("/", headers={"x-forwarded-host": "a.example:80, b"})).status_code == 200
            await page.streams.disconnect("s")

    asyncio.run(visit())


def test_gradio_checks_paths_itself(service, tmp_path, portraits, jpeg):
    """Behind the proxy: mounted into another application, Gradio would not check by default."""
    (tmp_path / "face.jpg").write_bytes(jpeg(portraits[0][0]))
    file = {"path": str(tmp_path / "face.jpg"), "meta": {"_type": "gradio.FileData"}}

    async def visit() -> None:
        async with mounted(service) as page:
            transport = httpx.ASGITransport(page.gradio)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                body = {"fn_index": 0, "data": [file], "session_hash": "s"}
                assert (await client.post(JOIN, json=body)).status_code == 200
                text = (await client.get(DATA, params={"session_hash": "s"})).text
        (completed,) = [line for line in text.splitlines() if "process_completed" in line]
        assert json.loads(completed.removeprefix("data: "))["success"] is False

    asyncio.run(visit())


@pytest.mark.parametrize(
    ("path", "post"),
    [
        ("/nothing", 404),
        ("/page/nothing", 405),
        ("/page/gallery/x.jpg", 405),
        ("/assets/x.js", 405),
        ("/monitoring", 404),
        # No file system has such names: a part of 256 bytes, a whole path of 5,000, a zero byte, half of a character.
        *((f"/{folder}/{'a' * 256}", 405) for folder in ("assets", "static", "static/img")),
        ("/assets/" + "b/" * 2500, 405),
        ("/static/%00", 405),
        ("/static/x%00.png", 405),
        ("/assets/%ff", 405),
        ("/assets/%ed%a0%80", 405),
        ("/static/..%2f..%2fetc%2fpasswd", 405),
    ],
)
def test_proxy_unknown_path_error_form(service, caplog, path, post):
    refused = "not_found" if post == 404 else "method_not_allowed"

    async def visit() -> None:
        async with mounted(service) as page:
            before = service.metrics.errors.labels("not_found")._value.get()
            for method, status, kind in (("GET", 404, "not_found"), ("POST", post, refused)):
                answer = await page.client.request(method, path)
                assert answer.status_code == status
                assert answer.json()["error"]["kind"] == kind
                assert len(answer.json()["error"]["message"]) > 10
                assert (answer.headers.get("allow") == "GET, HEAD") == (status == 405)
            assert (await page.client.head(path)).status_code == 404
            assert service.metrics.errors.labels("not_found")._value.get() == before + 2 + (post == 404)

    caplog.set_level("INFO")
    asyncio.run(visit())
    assert sum(len(record.getMessage().splitlines()) for record in caplog.records if "httpx" not in record.name) <= 3


def test_page_idle(service):
    """By default Gradio checks its queue a thousand times a second."""
    import time

    async def visit() -> float:
        async with mounted(service):
            await asyncio.sleep(0.3)
            began = time.process_time()
            await asyncio.sleep(2)
            return (time.process_time() - began) / 2

    assert asyncio.run(visit()) < 0.02


def test_build_page_interface(service):
    """One function that the page may call, a queue of the service's size, and the elements that the script expects."""
    from aletheia.serving.web.blocks import build_page
    from aletheia.serving.web.gallery import Gallery
    from aletheia.serving.web.uploads import UploadStore

    page = build_page(service, UploadStore(3), Gallery())
    assert [number for number, function in page.fns.items() if function.fn] == [0]
    assert all(function.api_visibility == "private" for function in page.fns.values())
    assert page._queue.max_size == page.state_session_capacity == 3 and page.has_launched
    ids = {block.elem_id for block in page.blocks.values() if getattr(block, "elem_id", None)}
    assert ids == {"intake", "answer", "closer", "origin", "about", "stop"}


def test_proxy_policies(service):
    """Each route of the page has its policy; Gradio's others have the strictest."""
    from aletheia.serving.web.gradio_proxy import GradioProxy

    expected = {
        ("GET", "/"): PAGE,
        ("GET", "/config"): PAGE,
        ("GET", "/theme.css"): ASSET,
        ("GET", "/assets/a/b.js"): ASSET,
        ("GET", "/page/page.js"): ASSET,
        ("GET", "/page/gallery/drawn.jpg"): ASSET,
        ("POST", "/gradio_api/upload"): UPLOAD,
        ("GET", "/gradio_api/queue/data"): STREAM,
        ("POST", "/gradio_api/queue/join"): PAGE,
        ("GET", "/gradio_api/info"): STRICTEST,
        ("GET", "/page/gallery/a/b"): STRICTEST,
    }

    async def visit() -> None:
        async with mounted(service) as page:
            assert isinstance(page.proxy, GradioProxy)
            for (method, path), policy in expected.items():
                scope = {"type": "http", "path": path, "method": method, "root_path": "", "headers": []}
                assert find_policy(page.app.routes, scope) == (policy, "page"), path

    asyncio.run(visit())
