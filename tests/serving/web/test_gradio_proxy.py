"""The proxy before Gradio, with the real page and without a browser."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from aletheia.serving.routing import STRICTEST, find_policy
from aletheia.serving.service import InferenceService
from aletheia.serving.web.policies import ASSET, PAGE, STREAM, UPLOAD

from .mounted_page import DATA, JOIN, mounted


@pytest.fixture(scope="module")
def service(make_service) -> InferenceService:
    return make_service(queue=2)


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


def test_proxy_refuses_malformed_host(service):
    """Gradio would fail at it in the middle of the work, without an answer."""

    async def visit() -> None:
        async with mounted(service) as page:
            for name in ("[", "a:b:c", "", "a b", "a/b", "a@b", "é"):
                for header in ("host", "x-forwarded-host"):
                    answer = await page.client.get("/", headers={header: name.encode()})
                    assert answer.status_code == 400, name
                    assert "names no host" in answer.json()["error"]["message"], name
                    token = (await page.client.post("/gradio_api/upload", files={"file": ("x", b"x")})).json()["token"]
                    body = {"fn_index": 0, "session_hash": "s", "data": [token]}
                    answer = await page.client.post(JOIN, json=body, headers={header: name.encode()})
                    assert answer.status_code == 400, name
                assert page.uploads.size() == 0, name
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


#: Paths of the page that lead nowhere, and the status that a POST there gets.
NOWHERE = [
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
]


def test_proxy_unknown_path_error_form(service, caplog):
    """On one page, since mounting it takes longer than all the requests."""

    async def visit(page, path: str, post: int) -> None:
        before = service.metrics.errors.labels("not_found")._value.get()
        refused = "not_found" if post == 404 else "method_not_allowed"
        for method, status, kind in (("GET", 404, "not_found"), ("POST", post, refused)):
            answer = await page.client.request(method, path)
            assert answer.status_code == status, path
            assert answer.json()["error"]["kind"] == kind, path
            assert len(answer.json()["error"]["message"]) > 10, path
            assert (answer.headers.get("allow") == "GET, HEAD") == (status == 405), path
        assert (await page.client.head(path)).status_code == 404, path
        assert service.metrics.errors.labels("not_found")._value.get() == before + 2 + (post == 404), path

    async def visit_all() -> None:
        async with mounted(service) as page:
            for path, post in NOWHERE:
                caplog.clear()
                await visit(page, path, post)
                lines = [record.getMessage() for record in caplog.records if "httpx" not in record.name]
                assert sum(len(line.splitlines()) for line in lines) <= 3, path

    caplog.set_level("INFO")
    asyncio.run(visit_all())


def test_page_idle(service):
    """By default Gradio checks its queue a thousand times a second."""

    async def visit() -> int:
        rounds, loop = 0, asyncio.get_running_loop()
        run_once = loop._run_once

        def counted() -> None:
            nonlocal rounds
            rounds += 1
            run_once()

        async with mounted(service):
            await asyncio.sleep(0.3)
            loop._run_once = counted
            await asyncio.sleep(1)
            return rounds

    assert asyncio.run(visit()) < 250  # fewer on a slower machine


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
