"""What the page's own addresses do with requests that no page would send."""

from __future__ import annotations

import http.server
import json
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import REFUSALS, Target
from .test_fuzz import EXAMPLES, anything
from .test_requests import WEB_SOCKET, raw

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(serving, jpeg):
    """A service whose page has been built."""
    with serving(page=True, workers=2) as running:
        target = Target(running.client, jpeg)
        early = raw(target, b"GET / HTTP/1.1\r\nHost: a\r\n" + WEB_SOCKET)
        assert early.startswith(b"HTTP/1.1 4"), early[:200]
        for _ in range(600):
            if b"gradio-app" in running.client.get("/").content:
                break
            threading.Event().wait(0.1)
        else:
            raise AssertionError("the page was not built")
        yield target
        target.still_answers()


@pytest.fixture(scope="module")
def listener():
    """A server that the service can reach, and the paths that it was asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"secret")

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_web_sockets_are_refused(page):
    for path in (b"/", b"/gradio_api/queue/join", b"/assets/x"):
        answer = raw(page, b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n" + WEB_SOCKET)
        assert answer.startswith(b"HTTP/1.1 4"), answer[:200]


def test_no_address_reads_files_or_asks_elsewhere(page, listener):
    url, asked = listener
    names = ["file=/etc/passwd", "file/etc/passwd", f"file={url}/a", f"proxy={url}/b", "file=../../etc/passwd"]
    names += ["stream/a/b/c", "component_server", "deep_link", "vibe-code", "dev/reload", "custom_component/a/b/c/d"]
    for name in names:
        for path in (f"/gradio_api/{name}", f"/{name}"):
            for method in ("GET", "POST"):
                response = page.client.request(method, path)
                assert response.status_code in REFUSALS, (method, path, response.status_code)
                assert "root:" not in response.text and "secret" not in response.text
    for folder in ("assets", "static", "svelte"):
        for rest in ("../../../../../../../etc/passwd", "%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/etc/passwd", "%00"):
            response = page.client.get(f"/{folder}/{rest}")
            assert response.status_code in (403, *REFUSALS) and "root:" not in response.text, (folder, rest)
    assert not asked


def join(page, data, index: int = 0) -> str:
    """Ask the page's function as its script does; everything that comes back."""
    body = {"fn_index": index, "data": data, "session_hash": "abc", "trigger_id": None}
    response = page.client.post("/gradio_api/queue/join", json=body)
    if response.status_code != 200:
        assert response.status_code in REFUSALS, response.text
        return response.text
    with page.client.stream("GET", "/gradio_api/queue/data?session_hash=abc") as stream:
        assert stream.status_code == 200
        return "".join(stream.iter_text())


def test_uploads_are_the_only_files_there_are(page, listener):
    url, asked = listener
    meta = {"_type": "gradio.FileData"}
    for name in ("/etc/passwd", "file:///etc/passwd", f"{url}/picture.jpg", "../../../etc/passwd", "\0", "a" * 5000):
        for payload in ({"path": name}, {"path": name, "meta": meta}, {"url": name, "path": name, "meta": meta}, name):
            for data in ([payload], [[payload]], [{"file": payload}], [json.dumps(payload)]):
                said = join(page, data)
                assert "root:" not in said and "secret" not in said and "Traceback" not in said
    assert not asked


@settings(max_examples=max(EXAMPLES // 2, 10), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.lists(anything, max_size=3), index=st.integers(-2, 9))
def test_anything_at_all(page, data, index):
    try:
        json.dumps(data, allow_nan=False)
    except ValueError:
        return
    assert "Traceback" not in join(page, data, index)


@settings(max_examples=max(EXAMPLES // 2, 10), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=anything,
    path=st.sampled_from(["queue/join", "cancel", "reset", "upload", "startup-events", "queue/data", "info"]),
    method=st.sampled_from(["GET", "POST"]),
)
def test_bodies_of_any_shape(page, body, path, method):
    address = f"/gradio_api/{path}"
    with page.client.stream(method, address, content=json.dumps(body), timeout=10) as response:
        assert response.status_code < 500, f"{method} {address}: {response.read()[:300]!r}"
