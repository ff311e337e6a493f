"""Routes of the page under requests that the page would never send."""

from __future__ import annotations

import http.server
import json
import os
import re
import socket
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ...waiting import wait_for
from ..helpers import count_open_files
from .conftest import REFUSALS, Target
from .test_fuzz import EITHER, EXAMPLES, anything
from .test_requests import WEB_SOCKET, raw

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(serving, jpeg):
    """Start a service and wait until its page has been built."""
    with serving(page=True, workers=2) as running:
        target = Target(running.client, jpeg)
        early = raw(target, b"GET / HTTP/1.1\r\nHost: a\r\n" + WEB_SOCKET)
        assert early.startswith(b"HTTP/1.1 4"), early[:200]
        wait_for(lambda: b"gradio-app" in running.client.get("/").content, 300, "the page was not built")
        target.kept = running.app.router.routes[-1].app.size
        yield target
        target.still_answers()
        wait_for(lambda: target.kept() == 0, message="files were left behind")


@pytest.fixture(scope="module")
def listener():
    """Run a server that the service could reach; its URL, and the paths that were requested."""
    requested = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"secret")

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", requested
        server.shutdown()


def test_page_refuses_web_sockets(page):
    for path in (b"/", b"/gradio_api/queue/join", b"/assets/x"):
        answer = raw(page, b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n" + WEB_SOCKET)
        assert answer.startswith(b"HTTP/1.1 4"), answer[:200]


def test_page_routes_read_no_files(page, listener):
    url, requested = listener
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
    assert not requested


def upload(page, data: bytes) -> str:
    """Send a file as the page does; returns its token."""
    response = page.upload(data, path="/gradio_api/upload")
    assert response.status_code == 200, response.text
    return response.json()["token"]


def join(page, data, index: Any = 0, **fields) -> str:
    """Call the page's function as its script does; returns the whole response."""
    body = {"fn_index": index, "data": data, "session_hash": "abc", "trigger_id": None, **fields}
    response = page.client.post("/gradio_api/queue/join", json=body)
    if response.status_code != 200:
        page.check(response, REFUSALS)
        return response.text
    with page.client.stream("GET", "/gradio_api/queue/data?session_hash=abc") as stream:
        assert stream.status_code == 200
        return "".join(stream.iter_text())


def shapes(name: str) -> list:
    """Return data that Gradio, or a less careful server, would resolve to the file of that name."""
    meta = {"_type": "gradio.FileData"}
    files = [
        {"path": name},
        {"path": name, "meta": meta},
        {"url": name, "path": name, "meta": meta},
        {"url": name, "path": "x", "meta": meta},
        {"path": name, "meta": meta, "is_stream": True, "orig_name": name},
        {"path": {"path": name, "meta": meta}, "meta": meta},
        name,
    ]
    nested = [
        [[f], [[f]], [{"file": f}], [{"path": f}], [None, f], [f, f], [json.dumps(f)], {"0": f}, f] for f in files
    ]
    return [data for some in nested for data in some]


def test_page_join_names_no_file(page, jpeg, tmp_path):
    """A portrait on the disk gets the same answer as a file that does not exist."""
    face = tmp_path / "face.jpg"
    face.write_bytes(jpeg)
    for existing, missing in zip(shapes(str(face)), shapes(str(tmp_path / "none.jpg")), strict=True):
        text = join(page, existing)
        assert text == join(page, missing), existing
        assert json.loads(text)["error"]["kind"] == "bad_request"


def test_page_join_ignores_other_fields(page, jpeg, tmp_path):
    """The uploaded file is examined, whatever else the request holds."""
    (tmp_path / "text.jpg").write_text("no picture")
    file = {"path": str(tmp_path / "text.jpg"), "meta": {"_type": "gradio.FileData"}}
    for fields in (
        {"event_data": file},
        {"event_data": [{"x": file}], "trigger_id": 1, "batched": True, "simple_format": True},
        {"request": file, "event_id": "x", "oauth_token": "x", "api_name": "x", "files": [file]},
    ):
        text = join(page, [upload(page, jpeg)], **fields)
        assert (
            "Not part of the score" in text and "data:image/jpeg" in text and "text" not in re.findall("is text", text)
        )
    token = upload(page, jpeg)
    for data in ([token, file], [[token]], [{"path": token}], [{"token": token}], token, {"0": token}):
        assert "did not arrive" in join(page, data)
    assert "Not part of the score" in join(page, [token])  # still there
    assert "did not arrive" in join(page, [token])  # and now gone


def test_page_endless_file(page, tmp_path):
    """Such as a pipe without a writer, or /dev/zero."""
    os.mkfifo(tmp_path / "fifo.jpg")
    for name in (str(tmp_path / "fifo.jpg"), "/dev/zero", "/proc/self/mem"):
        for data in shapes(name):
            assert "did not arrive" in join(page, data)
        assert page.client.get("/healthz").status_code == 200


def test_page_join_requests_no_address(page, listener, monkeypatch):
    url, requested = listener
    hosts, getaddrinfo = [], socket.getaddrinfo

    def fake_getaddrinfo(host, *rest, **options):
        if host not in ("127.0.0.1", None):
            hosts.append(host)
            raise socket.gaierror(socket.EAI_NONAME, "there is no network in tests")
        return getaddrinfo(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", fake_getaddrinfo)
    for name in (f"{url}/picture.jpg", "http://elsewhere.example/x.jpg", "https://elsewhere.example/x.jpg"):
        for data in shapes(name):
            assert "did not arrive" in join(page, data)
    assert not requested and not hosts


FORM = 'Content-Disposition: form-data; name="{}"; filename="{}"'


@pytest.mark.parametrize(
    "name", ["x", "..", ".", "../../x", "/etc/passwd", "a\\b", "%00", "\ud83d\ude00" * 60, "x" * 3000, ""]
)
def test_page_upload_ignores_name(page, jpeg, name):
    body = f"--e\r\n{FORM.format('file', name)}\r\n\r\n".encode("utf-8", "surrogatepass") + jpeg + b"\r\n--e--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=e"}
    response = page.client.post("/gradio_api/upload", content=body, headers=headers)
    assert response.status_code in EITHER, response.text
    assert name not in response.text or len(name) < 3
    if response.status_code == 200:
        assert "Not part of the score" in join(page, [response.json()["token"]])


@pytest.mark.parametrize(
    "charset", ["utf-8", "idna", "undefined", "hex", "utf-16", "punycode", "unicode_escape", "x" * 99]
)
@pytest.mark.parametrize(
    "field", [FORM.format("files", "xn--a"), 'Content-Disposition: form-data; name="files"', "X: y"]
)
def test_page_upload_refuses_forms(page, charset, field):
    body = f"--e\r\n{field}\r\n\r\nx\r\n--e--\r\n".encode()
    headers = {"content-type": f"multipart/form-data; boundary=e; charset={charset}"}
    page.check(page.client.post("/gradio_api/upload?upload_id=x", content=body, headers=headers), REFUSALS)


def test_page_upload_single_file(page, jpeg):
    """A thousand in one form would take a thousand of the files that a process may have open."""
    before = count_open_files()
    files = [("file", (f"{number}.jpg", b"x")) for number in range(300)]
    page.check(page.client.post("/gradio_api/upload", files=files), REFUSALS)
    assert page.kept() == 0
    assert count_open_files() < before + 10


def test_page_listen_without_request(page):
    for session in ("abc", "nobody", "a" * 65, "a%20b", "../x", "", "<gradio-sep>", "a&session_hash=b"):
        response = page.client.get(f"/gradio_api/queue/data?session_hash={session}")
        page.check(response, (400, 404))


def test_page_cancel_refuses(page):
    """A session that looks like Gradio's own separator would make every cancelling fail."""
    for session in ("x<gradio-sep>y", "a b", "", None, 3, ["a"], "é"):
        body = {"fn_index": 0, "session_hash": session, "event_id": "x"}
        page.check(page.client.post("/gradio_api/cancel", json=body), (400,))
        page.check(page.client.post("/gradio_api/queue/join", json={**body, "data": ["x"]}), (400,))
    for number in (-1, 1, 2, 3, 4, True, 0.0, "0", None):
        body = {"fn_index": number, "session_hash": "a", "event_id": "x"}
        page.check(page.client.post("/gradio_api/cancel", json=body), (400,))
    assert page.client.post("/gradio_api/cancel", json={**body, "fn_index": 0}).json() == {"success": True}


@settings(max_examples=max(EXAMPLES // 2, 10), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.lists(anything, max_size=3), index=st.integers(-2, 9))
def test_page_join_any_data(page, data, index):
    try:
        json.dumps(data, allow_nan=False)
    except ValueError:
        return
    assert "Traceback" not in join(page, data, index)


@settings(max_examples=max(EXAMPLES // 2, 10), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=anything,
    path=st.sampled_from(["queue/join", "cancel", "reset", "upload", "startup-events", "queue/data", "info", "x"]),
    method=st.sampled_from(["GET", "POST"]),
)
def test_page_any_body(page, body, path, method):
    address = f"/gradio_api/{path}"
    with page.client.stream(method, address, content=json.dumps(body)) as response:
        response.read()
        page.check(response, REFUSALS)
