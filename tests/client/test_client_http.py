"""Requests and answers of the HTTP client."""

from __future__ import annotations

import contextlib
import http.server
import threading
from types import SimpleNamespace

import cv2
import httpx
import numpy as np
import pytest

from aletheia import client_http
from aletheia.client import Detector
from aletheia.client_http import HttpModel
from aletheia.core.errors import InputError

MODEL = {"uri": "store://models/p/k", "versions": ["abc"], "trained_on": "cam-a"}  # as earlier services describe it


@pytest.fixture
def model(monkeypatch):
    """Make a model whose service gives the answers of a list, one after the other, after describing itself."""

    def make(
        *answers: httpx.Response | Exception, retry_seconds: float = 60.0
    ) -> tuple[HttpModel, list[httpx.Request]]:
        requests: list[httpx.Request] = []
        queue = [httpx.Response(200, json={"models": ["k"]}), httpx.Response(200, json=MODEL), *answers]

        def respond(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            answer = queue.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        create = httpx.Client
        monkeypatch.setattr(
            httpx, "Client", lambda **options: create(**options, transport=httpx.MockTransport(respond))
        )
        made = HttpModel("http://127.0.0.1:7/", "key", retry_seconds=retry_seconds)
        assert [request.url.path for request in requests] == ["/v2/models", "/v2/models/k"]
        requests.clear()
        return made, requests

    return make


@pytest.fixture
def pauses(monkeypatch) -> list[float]:
    """Seconds that the client would have slept; its clock goes by them."""
    slept: list[float] = []
    # The module's own name for the clock: event loops of other threads go by the real one.
    clock = SimpleNamespace(sleep=slept.append, monotonic=lambda: sum(slept))
    monkeypatch.setattr(client_http, "time", clock)
    return slept


def busy(seconds: str) -> httpx.Response:
    error = {"error": {"kind": "busy", "message": "try again"}}
    return httpx.Response(429, json=error, headers={"Retry-After": seconds})


def verdict(**fields) -> httpx.Response:
    return httpx.Response(200, json={"verdict": "real", "probability": 0.1, "faces": [], "reason": "", **fields})


def test_http_model_sends_its_key(model):
    made, requests = model(verdict())
    assert (made.note.uri, made.note.version, made.note.trained_on) == ("store://models/p/k", "abc", "cam-a")
    assert made.note.kind_note == ""
    assert made.predict_image(b"content").verdict == "real"
    assert requests[0].headers["authorization"] == "Bearer key"
    assert b"content" in requests[0].content


@pytest.mark.parametrize(
    ("text", "pause"), [("3", 3.0), ("0", 0.1), ("999", 30.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 1.0), ("²", 1.0)]
)
def test_retry_after_is_bounded(text, pause):
    assert client_http._retry_after(busy("1")) == 1.0
    response = httpx.Response(503, headers=[(b"Retry-After", text.encode("latin-1"))])
    assert client_http._retry_after(response) == pause
    assert client_http._retry_after(httpx.Response(500, headers={"Retry-After": "3"})) is None
    assert client_http._retry_after(httpx.Response(429)) is None


def test_retries_while_there_is_time(model, pauses):
    made, requests = model(busy("2"), busy("3"), verdict(), retry_seconds=5)
    assert made.predict_image(b"").verdict == "real"
    assert (pauses, len(requests)) == ([2.0, 3.0], 3)


def test_gives_up_when_the_time_is_over(model, pauses):
    made, requests = model(busy("2"), busy("4"), retry_seconds=5)
    with pytest.raises(InputError, match="refuses: try again"):
        made.predict_image(b"")
    assert (pauses, len(requests)) == ([2.0], 2)


def test_lost_image_is_not_sent_again(model, pauses):
    made, requests = model(httpx.ReadError("lost"))
    with pytest.raises(InputError, match="does not answer"):
        made.predict_image(b"")
    assert (pauses, len(requests)) == ([], 1)


def test_video_polls_its_job_and_deletes_it(model, pauses):
    face = {"box": [1, 2, 3, 4], "detection_score": 0.9, "raw_probability": 0.3, "probability": 0.4, "verdict": "real"}
    person = {"probability": 0.4, "verdict": "real", "times": [0.5], "faces": [{**face, "new_field": 1}]}
    result = {"verdict": "real", "probability": 0.4, "people": [person], "frames": 1, "aggregation": "a", "reason": ""}
    made, requests = model(
        httpx.Response(202, json={"id": "j", "state": "waiting"}),
        httpx.Response(200, json={"id": "j", "state": "running"}),
        httpx.ReadError("lost"),
        httpx.Response(200, json={"id": "j", "state": "done", "result": result}),
        httpx.Response(204),
    )
    answer = made.predict_video(b"", 1, None)
    assert [f"{request.method} {request.url.path}" for request in requests] == [
        "POST /v1/jobs",
        *["GET /v1/jobs/j"] * 3,
        "DELETE /v1/jobs/j",
    ]
    assert answer.people[0].faces[0].box == (1, 2, 3, 4)
    assert answer.people[0].times == (0.5,)


def test_video_cancelled_or_refused(model, pauses):
    job = {"id": "j", "state": "cancelled", "error": None}
    made, requests = model(httpx.Response(202, json=job), httpx.Response(204))
    with pytest.raises(InputError, match="The job was cancelled"):
        made.predict_video(b"", None, None)
    assert requests[-1].method == "DELETE"
    with pytest.raises(InputError, match="leave the aggregation out"):
        made.predict_video(b"", None, "mean_logit")


@pytest.mark.parametrize("kind", client_http.FILE_ERRORS)
def test_errors_of_files_are_answers(model, kind):
    made, _ = model(httpx.Response(400, json={"error": {"kind": kind, "message": "unreadable"}}))
    answer = made.predict_image(b"")
    assert (answer.verdict, answer.reason) == ("error", "unreadable")


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, json={"verdict": "real"}),
        httpx.Response(200, json=[]),
        httpx.Response(200, text="<html>"),
        httpx.Response(500, json={"error": {"kind": "broken"}}),
    ],
)
def test_answers_of_another_form_are_refused(model, response):
    made, _ = model(response)
    with pytest.raises(InputError, match="is not one of `aletheia serve`"):
        made.predict_image(b"")


def test_error_of_both_protocols():
    nested = {"error": {"kind": "busy", "message": "m", "more": 1}}
    assert client_http._error_of(nested) == client_http._error_of({"error": "m", "kind": "busy"})
    with pytest.raises(KeyError):
        client_http._error_of({"error": "m"})


def test_encode_png_is_lossless():
    rgb = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    decoded = cv2.imdecode(np.frombuffer(client_http._encode_png(rgb), np.uint8), cv2.IMREAD_COLOR)
    assert (decoded[..., ::-1] == rgb).all()


def test_http_model_uses_no_proxy_for_this_machine(served, jpeg, monkeypatch):
    """A proxy would get the key and the image."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Detector(str(served.client.base_url), "key") as detector:
        assert detector.predict(jpeg).probability is not None


@pytest.mark.slow
def test_predict_video_survives_lost_requests(served, clip, monkeypatch):
    """A lost request for the state of a job must not end the job."""
    request, lost = httpx.Client.request, []

    def unreliable(client, method, url, **content):
        if method == "GET" and "/v1/jobs/" in str(url) and len(lost) < 2:
            lost.append(url)
            raise httpx.ConnectError("lost")
        return request(client, method, url, **content)

    with Detector(str(served.client.base_url)) as detector:
        monkeypatch.setattr(httpx.Client, "request", unreliable)
        assert detector.predict(clip, frames=2).frames == 2
        assert len(lost) == 2
    with (
        Detector(str(served.client.base_url), retry_seconds=0.1) as hasty,
        pytest.raises(InputError, match="not answer"),
    ):
        lost.clear()
        hasty.predict(clip, frames=2)


@contextlib.contextmanager
def other_server(status: int, body: bytes, **headers: str):
    """A server of another kind."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>welcome</html>"),
        (200, b"[]"),
        (200, b'{"models": []}'),
        (200, b'{"models": 3}'),
        (200, b'{"models": [{"a": 1}]}'),
        (404, b'{"detail": "Not Found"}'),
        (500, b'{"error": "no"}'),
        (302, b""),
    ],
)
def test_detector_server_of_another_kind(status, body):
    expectation = pytest.raises(InputError, match="is not one of `aletheia serve`")
    with other_server(status, body, Location="http://127.0.0.1:1/elsewhere") as url, expectation:
        Detector(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://127.0.0.1:99999", "http://[::1", "http://", "HTTP://a"])
def test_detector_no_server_at_the_address(url):
    with pytest.raises(InputError, match="does not answer"):
        Detector(url)
