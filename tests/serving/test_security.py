"""Security middleware and connections of a running service."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import tempfile
import time

import httpx
import pytest

from aletheia.inference.errors import RequestError
from aletheia.serving.operations import V2
from aletheia.serving.routing import STRICTEST
from aletheia.serving.security import error_response

from ..waiting import PATIENCE

KEY = "open sesame"
# A request whose body never comes to an end.
BEGUN = b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
PROBES = ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/docs", "/openapi.json")


@pytest.fixture(scope="module")
def locked(serving):
    with serving(api_key=KEY, workers=1) as running:
        yield running


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}"},
        {"x-api-key": KEY},
        {"authorization": "Basic " + base64.b64encode(f"anybody:{KEY}".encode()).decode()},
    ],
)
def test_key_accepted(locked, jpeg, headers):
    assert locked.client.post("/v1/predict", files={"file": jpeg}, headers=headers).status_code == 200
    assert locked.client.get("/metrics", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer open"},
        {"authorization": f"Bearer {KEY}x"},
        {"authorization": "Bearer"},
        {"authorization": f"Digest {KEY}"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic " + base64.b64encode(KEY.encode()).decode()},
        {"x-api-key": ""},
        {"x-api-key": "ö".encode()},
    ],
)
def test_key_refused(locked, jpeg, headers):
    for method, path in (
        ("POST", "/v1/predict"),
        ("POST", "/v1/jobs"),
        ("GET", "/v1/jobs/x"),
        ("POST", "/v2/models/detector/infer"),
        ("GET", "/metrics"),
        ("GET", "/"),
        ("GET", "//healthz"),
        ("POST", "/gradio_api/queue/join"),
    ):
        response = locked.client.request(method, path, headers=headers)
        assert response.status_code == 401, path
        body = response.json()
        assert (body if path.startswith("/v2") else body["error"])["kind"] == "unauthorised"
        assert response.headers["www-authenticate"].startswith("Basic")
        assert KEY not in response.text


def test_key_not_needed_by_probes_and_docs(locked, until):
    until(lambda: locked.client.get("/v2/health/ready").status_code == 200)
    for path in PROBES:
        assert locked.client.get(path).status_code == 200


def test_headers_of_every_answer(served, jpeg):
    answers = [
        served.client.get("/readyz"),
        served.client.get("/"),
        served.client.get("/nothing"),
        served.client.get("/docs"),
        served.client.post("/v1/predict", files={"file": jpeg}),
        served.client.post("/v1/predict", files={"file": b""}),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert "http" not in answer.headers["content-security-policy"].replace("default-src", "")
        assert "server" not in answer.headers
    assert answers[4].headers["cache-control"] == "no-store"
    assert answers[4].headers["content-security-policy"].startswith("default-src 'none'")
    assert "*" not in answers[1].headers["content-security-policy"]


def test_sec_fetch_site_cross_site_refused(served, jpeg):
    for site, status in (("cross-site", 403), ("same-origin", 200), ("none", 200)):
        response = served.client.post("/v1/predict", files={"file": jpeg}, headers={"sec-fetch-site": site})
        assert response.status_code == status


@pytest.mark.parametrize("path", ["/v1/predict", "/v2/models", "/metrics", "/"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "[::1.evil]"])
def test_host_foreign_name_refused_on_loopback(served, path, host):
    """Otherwise a page of evil.example could read answers once this name resolves to 127.0.0.1 (DNS rebinding)."""
    response = served.client.get(path, headers={"host": host})
    assert response.status_code == 403 and "Host header" in response.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:7860", "10.2.3.4:7860"])
def test_host_local_names_accepted(served, host):
    assert served.client.get("/v2/models", headers={"host": host}).status_code == 200


def test_host_missing_accepted(served):
    with served.connect() as link:
        link.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert b" 200 " in link.recv(4096).splitlines()[0]


def test_host_checked_on_every_loopback_address(serving):
    with serving(host="127.0.0.2") as running:
        for host, status in (("evil.example", 403), ("127.0.0.2", 200)):
            assert running.client.get("/v2/models", headers={"host": host}).status_code == status


def test_host_and_origin_behind_proxy(serving, jpeg):
    """A proxy may pass on the name that the browser used, or call the service by its address."""
    with serving(names=("Faces.example",)) as running:
        for host in ("faces.example", "faces.example:443", "127.0.0.1:7860", "10.2.3.4:7860"):
            headers = {"host": host, "origin": "https://faces.example"}
            assert running.client.post("/v1/predict", files={"file": jpeg}, headers=headers).status_code == 200
            headers["origin"] = "https://evil.example"
            assert running.client.post("/v1/predict", files={"file": jpeg}, headers=headers).status_code == 403
        assert running.client.get("/metrics", headers={"host": "evil.example"}).status_code == 403
        assert running.client.get("/readyz", headers={"host": "evil.example"}).status_code == 200  # a probe


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1.evil.example", "file://", "http://localhost:3000"]
)
def test_origin_foreign_refused(served, jpeg, origin):
    for method, path in (("POST", "/v1/predict"), ("GET", "/v2/models"), ("GET", "/")):
        response = served.client.request(method, path, headers={"origin": origin})
        assert response.status_code == 403 and "Origin header" in response.text
    own = str(served.client.base_url).rstrip("/")
    assert served.client.post("/v1/predict", files={"file": jpeg}, headers={"origin": own}).status_code == 200


@pytest.fixture
def stored_parts(monkeypatch) -> list[int]:
    """Record the bytes of each part of a body that the service stores."""
    parts: list[int] = []

    class Watched(tempfile.SpooledTemporaryFile):
        def write(self, data):
            parts.append(len(data))
            return super().write(data)

    monkeypatch.setattr("aletheia.serving.uploads.tempfile.SpooledTemporaryFile", Watched)
    return parts


def test_body_announced_too_large_not_stored(serving, stored_parts):
    with serving(max_upload_bytes=1000, max_video_bytes=2000) as running:
        headers = {"content-length": "1400000", "content-type": "application/json"}
        parts = (b"x" * 100_000 for _ in range(14))
        response = running.client.post("/v1/predict", content=parts, headers=headers)
        assert response.status_code == 413
        assert response.json()["error"]["kind"] == "too_large"
        assert not stored_parts


def test_body_without_length_cut_off(serving, stored_parts):
    """30 MB arrive in parts; the service stores no more than the limit of the route."""
    with serving(max_upload_bytes=1000, max_video_bytes=2000) as running:
        parts = (b"x" * 100_000 for _ in range(300))
        # So large that the connection may be closed while the client still writes.
        with contextlib.suppress(httpx.TransportError):
            response = running.client.post("/v1/predict", content=parts, headers={"content-type": "application/json"})
            assert response.status_code == 413
        assert 0 < sum(stored_parts) <= (1 << 20) + 2000
        assert running.client.get("/readyz").status_code == 200


def test_body_stalled_times_out(serving, monkeypatch):
    monkeypatch.setattr("aletheia.serving.security._IDLE_SECONDS", 0.3)
    monkeypatch.setattr("aletheia.serving.security._BODY_SECONDS", 2 * PATIENCE)
    with serving() as running:
        with running.connect() as link:
            link.sendall(BEGUN)
            answer = link.recv(4096)
        assert b" 408 " in answer.splitlines()[0] and b"connection: close" in answer


def test_body_slow_times_out(serving, monkeypatch, until):
    """Each part arrives in time; the body as a whole does not."""

    def send_part() -> bytes:
        with contextlib.suppress(OSError):  # it is closed, with the answer still to be read
            link.sendall(b" ")
        with contextlib.suppress(TimeoutError):
            return link.recv(4096)
        return b""

    monkeypatch.setattr("aletheia.serving.security._BODY_SECONDS", 0.5)
    with serving() as running:
        with running.connect(0.1) as link:
            link.sendall(BEGUN.replace(b": 99", b": 9999"))
            answer = until(send_part)
        assert b" 408 " in answer.splitlines()[0]


def test_body_without_key_takes_no_place(serving, jpeg):
    with serving(api_key=KEY, workers=1, queue=0) as running, contextlib.ExitStack() as opened:
        for _ in range(4):
            opened.enter_context(running.connect()).sendall(BEGUN)
        time.sleep(0.2)
        headers = {"x-api-key": KEY}
        assert running.client.post("/v1/predict", files={"file": jpeg}, headers=headers).status_code == 200


def test_disconnect_counted_as_499(served, until):
    with served.connect() as link:
        link.sendall(BEGUN)
    until(lambda: 'route="/v1/predict",status="499"' in served.client.get("/metrics").text)


def test_stored_bytes_limited_with_jobs(serving, clip):
    with serving(workers=1, max_kept_bytes=4 * len(clip)) as running:
        ask = running.client.post
        with running.app.state.service.admission.turn():  # so that they stay
            ids = [ask("/v1/jobs", files={"file": clip}).json()["id"] for _ in range(3)]
            refused = ask("/v1/jobs", files={"file": clip})  # with its form it has more than a quarter
            assert (refused.status_code, refused.json()["error"]["kind"]) == (429, "busy")
            assert refused.headers["retry-after"] == "5"
            assert running.client.delete(f"/v1/jobs/{ids[-1]}").status_code == 200
            assert ask("/v1/jobs", files={"file": clip}).status_code == 202


def test_stored_bytes_limited_with_arriving_bodies(serving, jpeg, until):
    def ask() -> int:
        return running.client.post("/v1/predict", files={"file": jpeg}).status_code

    with serving(max_kept_bytes=3_000_000) as running:
        with running.connect() as link:
            link.sendall(BEGUN.replace(b": 99", b": 3000000") + b" " * (3_000_000 - len(jpeg) // 2))
            until(lambda: ask() == 429)
        until(lambda: ask() == 200)


def test_open_bodies_limited(serving, jpeg, until):
    with serving(workers=1, queue=0) as running:
        links = [running.connect() for _ in range(2)]
        for link in links:
            link.sendall(BEGUN)
        ask = functools.partial(running.client.post, "/v1/predict", files={"file": jpeg})
        refused = until(lambda: (answer := ask()).status_code == 429 and answer)  # once both have arrived
        assert refused.headers["retry-after"] == "5"
        for link in links:
            link.close()


def test_error_response(served):
    metrics = served.app.state.service.metrics
    counter = metrics.errors.labels("busy")
    before = counter._value.get()
    response = error_response(RequestError("busy", "Too much.", retry_after=7), metrics, STRICTEST)
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    assert json.loads(response.body) == {"ok": False, "error": {"kind": "busy", "message": "Too much."}}
    response = error_response(RequestError("busy", "Too much."), metrics, V2)
    assert "retry-after" not in response.headers
    assert json.loads(response.body) == {"kind": "busy", "error": "Too much."}
    assert counter._value.get() == before + 2
