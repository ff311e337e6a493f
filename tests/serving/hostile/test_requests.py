"""Malformed requests: forms, JSON, headers and paths that were made to confuse."""

from __future__ import annotations

import base64
import contextlib
import json
import socket

import httpx
import pytest

from ...waiting import PATIENCE, wait_for
from .conftest import REFUSALS

DEEP = 200_000
ROUTES = ("/v1/predict", "/v1/jobs", "/v2/models/detector/infer")


def post_json(target, content: str | bytes, path: str = "/v1/predict") -> httpx.Response:
    return target.client.post(path, content=content, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[]",
        "{}",
        "3",
        '"image"',
        "{",
        '{"image": ',
        '{"image": null}',
        '{"image": []}',
        '{"image": {"path": "/etc/passwd"}}',
        '{"image": "/etc/passwd"}',
        '{"image": "file:///etc/passwd"}',
        '{"image": "====", "image": "=="}',
        '{"image": NaN}',
        '{"inputs": NaN}',
        '{"inputs": [1e999]}',
        '{"inputs": [-1]}',
        '{"inputs": ' + "9" * 10_000 + "}",
        '{"inputs": [' + "9" * 10_000 + "]}",
        "[" * DEEP,
        "[" * DEEP + "]" * DEEP,
        '{"image":' * DEEP + "1" + "}" * DEEP,
        '{"inputs":' * DEEP + "[]" + "}" * DEEP,
        '{"inputs": ' + "[" * 900 + "]" * 900 + "}",
        b"\xff\xfe{\x00}\x00",
        b'{"image": "\xff\xfe"}',
        b"\x00" * 1000,
        '{"image": "\\ud800"}',
        '{"\\ud800": "x", "image": "eA=="}',
        '{"' + "k" * 100_000 + '": 1}',
    ],
    ids=lambda content: repr(content[:24]),
)
def test_json_refused(target, path, content):
    target.check(post_json(target, content, path), REFUSALS)


@pytest.mark.parametrize(
    "tensor",
    [
        {},
        {"datatype": "BYTES"},
        {"datatype": "BYTES", "data": None},
        {"datatype": "BYTES", "data": [None]},
        {"datatype": "BYTES", "data": [[]]},
        {"datatype": "BYTES", "data": ["/etc/passwd"]},
        {"datatype": "BYTES", "data": ["AAAA"] * 65},
        {"datatype": "UINT8", "data": [[1, 2], [3]]},
        {"datatype": "UINT8", "data": [1, 2, 3], "shape": [1, 1, 4]},
        {"datatype": "UINT8", "data": [1, 2, 3], "shape": [-1, 1, 3]},
        {"datatype": "UINT8", "data": [1, 2, 3], "shape": [1, True, 3]},
        {"datatype": "UINT8", "data": [1, 2, 3], "shape": [10**30, 10**30, 3]},
        {"datatype": "UINT8", "data": [10**30] * 3, "shape": [1, 1, 3]},
        {"datatype": "UINT8", "data": ["1", "2", "3"], "shape": [1, 1, 3]},
        {"datatype": "UINT8", "data": {"a": 1}, "shape": [1, 1, 3]},
        {"datatype": "FP64", "data": [1, 2, 3], "shape": [1, 1, 3]},
        {"datatype": ["UINT8"], "data": [1, 2, 3]},
        {"path": "/etc/passwd"},
        {"model_path": "/etc", "datatype": "BYTES", "data": "/etc/passwd"},
    ],
    ids=lambda tensor: json.dumps(tensor)[:60],
)
def test_infer_tensors_refused(target, tensor):
    response = post_json(target, json.dumps({"inputs": [tensor]}), f"/v2/models/{target.model}/infer")
    target.check(response, REFUSALS)


@pytest.mark.parametrize(
    "pixels",
    [[], [[[-1, 0, 0]]], [[[256, 0, 0]]], [[[0, 0]]], [[0]], [[[0, 0, 0]] * 2] * 2],
    ids=lambda pixels: str(pixels)[:20],
)
def test_infer_pixels_without_verdict(target, pixels):
    body = {"inputs": [{"datatype": "UINT8", "data": pixels}]}
    response = post_json(target, json.dumps(body), f"/v2/models/{target.model}/infer")
    target.check(response, (200, *REFUSALS))
    if response.status_code == 200:
        verdict = next(output["data"] for output in response.json()["outputs"] if output["name"] == "verdict")
        assert verdict in (["error"], ["no face found"])


def test_infer_fixed_model_and_operation(target, jpeg):
    """MLRun's router would take those from the body."""
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(jpeg).decode()]}
    for extra in ({"model": "../../etc"}, {"operation": "explain"}, {"data_url": "file:///etc/passwd"}, {"id": DEEP}):
        body = json.dumps({"inputs": [tensor], **extra})
        response = post_json(target, body, f"/v2/models/{target.model}/infer")
        target.check(response, (200, *REFUSALS))
        assert "root:" not in response.text
    for name in ("other", "..%2f..%2fetc%2fpasswd", "%00", "detector/versions/1", "\u202e"):
        target.check(post_json(target, json.dumps({"inputs": [tensor]}), f"/v2/models/{name}/infer"), REFUSALS)


FORM = "multipart/form-data; boundary=x"


@pytest.mark.parametrize("path", ROUTES[:2])
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("multipart/form-data", b"--x\r\n\r\n--x--"),
        ("multipart/form-data; boundary=", b"----"),
        ("multipart/form-data; boundary=" + "x" * 5000, b"--x--"),
        (FORM, b""),
        (FORM, b"--x--\r\n"),
        (FORM, b"--x\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--x--\r\n"),
        (FORM, b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc\r\n--x--\r\n'),
        (FORM, b'--x\r\nContent-Disposition: form-data; name="other"; filename="a"\r\n\r\nabc\r\n--x--\r\n'),
        (FORM, b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc'),
        (FORM, b"--x\r\n" + b"A: b\r\n" * 50_000 + b"\r\n\r\n--x--\r\n"),
        (FORM, b"--x\r\nContent-Disposition: " + b"a" * 500_000 + b"\r\n\r\n--x--\r\n"),
        (FORM, b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 20_000 + b"--x--\r\n"),
        (FORM, b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\r\n' * 9 + b"--x--\r\n"),
        (FORM, b'--x\r\nContent-Disposition: form-data; name="frames"\r\n\r\n' + b"9" * 900_000 + b"\r\n--x--\r\n"),
        (FORM, b'--x\r\nContent-Disposition: form-data; name="file"; filename="\xff\xfe"\r\n\r\nabc\r\n--x--\r\n'),
        (FORM + "; charset=utf-7", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n+AGE-\r\n--x--\r\n'),
        (FORM + "; charset=nonsense", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'),
        ("multipart/mixed; boundary=x", b"--x--"),
        ("application/x-www-form-urlencoded", b"file=" + b"%" * 10_000),
        ("text/plain", b"abc"),
        ("application/json; charset=utf-32", b"{}"),
        ("; ; ;", b"abc"),
        ("", b"abc"),
    ],
)
def test_forms_refused(target, path, kind, content):
    response = target.client.post(path, content=content, headers={"Content-Type": kind})
    target.check(response, REFUSALS)


@pytest.mark.parametrize("frames", ["0", "-1", "1e3", "nan", "65", "9" * 30, "\u0663", "a", "0x10", "1; drop", " "])
def test_frames_refused(target, clip, frames):
    response = target.upload(clip, "clip.mp4", frames=frames)
    target.check(response, REFUSALS if frames.strip() else (200,))


PATHS = ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%5c..%5cboot.ini", "/%00", "/%ff%fe", "//etc/passwd"]
PATHS += ["/debug?image=../../etc/passwd", "/v1/predict?image=/etc/passwd", "/v1/jobs/..%2f..%2fetc%2fpasswd"]
PATHS += ["/file=/etc/passwd", "/gradio_api/file=/etc/passwd", "/static/../../../etc/passwd", "/v1/jobs/" + "a" * 9000]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:40])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT"])
def test_paths_unknown(target, method, path):
    response = target.client.request(method, path)
    assert response.status_code in (*REFUSALS, 414), response.text
    assert "root:" not in response.text


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
@pytest.mark.parametrize("path", [*ROUTES, "/healthz", "/metrics", "/openapi.json", "/docs"])
def test_methods_unsupported(target, method, path):
    response = target.client.request(method, path)
    assert response.status_code in (200, 404, 405), response.text


def raw(target, *parts: bytes) -> bytes:
    """Send bytes on a new connection; returns the response."""
    address = (target.client.base_url.host, target.client.base_url.port)
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        answer = b""
        with contextlib.suppress(ConnectionError, OSError):  # it may hang up at any moment
            for part in parts:
                connection.sendall(part)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65536):
                answer += part
        return answer


HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        [b"\r\n\r\n"],
        [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)],
        [b"GET / HTTP/9.9\r\n\r\n"],
        [b"GET " + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n"],
        [b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 50_000 + b"\r\n"],
        [b"GET / HTTP/1.1\r\nA: " + b"b" * 500_000 + b"\r\n\r\n"],
        [HEAD + b"Content-Length: -1\r\n\r\n"],
        [HEAD + b"Content-Length: abc\r\n\r\n"],
        [HEAD + b"Content-Length: 99999999999999999999\r\n\r\n"],
        [HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"],
        [HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n"],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc"],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc"],
        [HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
        [HEAD + b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 500\r\n\r\n--x\r\n"],
        [HEAD + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", b"abc"],
        [HEAD + b"Content-Type: \xff\xfe\r\nContent-Length: 3\r\n\r\nabc"],
        [HEAD + b"Authorization: Basic \xff\xff\r\nContent-Length: 0\r\n\r\n"],
    ],
    ids=lambda parts: repr(parts[0][:50]),
)
def test_server_malformed_requests(target, parts):
    answer = raw(target, *parts)
    assert not answer.startswith(b"HTTP/1.1 5"), answer[:300]


WEB_SOCKET = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.mark.parametrize("path", [b"/", b"/v1/predict", b"/gradio_api/queue/join"])
def test_server_refuses_web_socket(target, path):
    answer = raw(target, b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n" + WEB_SOCKET)
    assert answer.startswith(b"HTTP/1.1 4"), answer[:200]


def test_bodies_cut_off_at_limit(serving, peak):
    """By their Content-Length, or while they arrive without one."""
    with serving(max_upload_bytes=100_000, max_video_bytes=100_000) as running, peak(50e6):
        announced = running.client.post("/v1/predict", content=bytes(5_000_000), headers={"Content-Type": FORM})
        assert announced.status_code == 413
        sent = 0

        def flood():
            nonlocal sent
            head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            for part in (head, *[bytes(65_536)] * 3000):
                sent += len(part)
                yield part

        try:
            status = running.client.post("/v1/predict", content=flood(), headers={"Content-Type": FORM}).status_code
        except httpx.TransportError:  # it hung up
            status = 413
        assert status == 413 and sent < 20_000_000
        text = base64.b64encode(bytes(2_000_000)).decode()
        for path in ("/v1/predict", "/v2/models/detector/infer"):
            assert running.client.post(path, json={"image": text}).status_code == 413


def test_server_stalled_clients(target, jpeg):
    head = HEAD + b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n--x\r\n"
    address = (target.client.base_url.host, target.client.base_url.port)
    connections = [socket.create_connection(address) for _ in range(40)]
    try:
        for number, connection in enumerate(connections):
            connection.sendall(head if number % 2 else b"GET /heal")
        for _ in range(5):
            target.check(target.upload(jpeg), (200,))
    finally:
        for connection in connections:
            connection.close()


def test_server_disconnected_clients(target, jpeg):
    """Clients that disconnect during the upload or before the answer leave nothing behind."""
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + jpeg + b"\r\n--x--\r\n"
    head = HEAD + b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n" % len(body)
    address = (target.client.base_url.host, target.client.base_url.port)
    for cut in (0, len(body) // 2, len(body)) * 5:
        with socket.create_connection(address) as connection:
            connection.sendall(head + body[:cut])
    idle = {"aletheia_working_requests 0.0", "aletheia_waiting_requests 0.0"}
    wait_for(
        lambda: idle <= set(target.client.get("/metrics").text.splitlines()),
        message="requests of clients that have left are still at work",
    )
