"""Limits of a running service, and its queue."""

from __future__ import annotations

import base64
import contextlib
import threading

import pytest

from .helpers import error, form


@pytest.mark.parametrize(("frames", "message"), [("0", "choose 1 to 64"), ("65", "choose 1 to 64"), ("-1", "whole")])
def test_frames_out_of_range(served, clip, frames, message):
    response = served.client.post("/v1/predict", **form(clip, frames=frames))
    assert (response.status_code, error(response)["kind"]) == (400, "bad_request")
    assert message in error(response)["message"]


def test_limits_size_pixels_duration(serving, jpeg, clip):
    limits = {"max_upload_bytes": len(jpeg) - 1, "max_duration_s": 1.5}
    with serving(**limits) as running:
        response = running.client.post("/v1/predict", **form(jpeg))
        assert (response.status_code, error(response)["kind"]) == (413, "too_large")
        response = running.client.post("/v1/predict", json={"image": base64.b64encode(jpeg).decode()})
        assert (response.status_code, error(response)["kind"]) == (413, "too_large")
        response = running.client.post("/v1/predict", **form(clip))
        assert (response.status_code, error(response)["kind"]) == (413, "too_large")
        assert "2 seconds" in error(response)["message"]
    with serving(max_pixels=256 * 255) as running:
        response = running.client.post("/v1/predict", **form(jpeg))
        assert (response.status_code, error(response)["kind"]) == (413, "too_large")
        tensor = {"name": "image", "shape": [256, 256, 3], "datatype": "UINT8", "data": [0] * (3 << 16)}
        answer = running.client.post("/v2/models/detector/infer", json={"inputs": [tensor]}).json()
        (reason,) = (output["data"] for output in answer["outputs"] if output["name"] == "reason")
        assert "more than 65,280 pixels" in reason[0]


def test_queue_full_retry_after(serving, jpeg, until):
    """Two work, one waits, the next is refused; afterwards everything is answered."""
    with serving(workers=2, queue=1) as running, contextlib.ExitStack() as held:
        admission = running.app.state.service.admission
        for _ in range(2):
            held.enter_context(admission.turn())
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(running.client.post("/v1/predict", **form(jpeg))))
        waiting.start()
        until(lambda: admission.waiting == 1)
        refused = running.client.post("/v1/predict", **form(jpeg))
        assert (refused.status_code, error(refused)["kind"]) == (429, "busy")
        assert int(refused.headers["retry-after"]) >= 1
        held.close()
        waiting.join()
        assert answers[0].status_code == 200
        assert answers[0].json()["timing_ms"]["queue"] > 0
        assert running.client.post("/v1/predict", **form(jpeg)).status_code == 200


def test_request_timeout(serving, jpeg):
    with serving(workers=1, request_timeout_s=0.2) as running:
        with running.app.state.service.admission.turn():
            response = running.client.post("/v1/predict", **form(jpeg))
        assert (response.status_code, error(response)["kind"]) == (504, "timeout")
    with serving(workers=1, request_timeout_s=0.0001) as running:
        response = running.client.post("/v1/predict", **form(jpeg))
        assert (response.status_code, error(response)["kind"]) == (504, "timeout")


def test_disconnected_client_not_answered(serving, jpeg, until):
    """A client that disconnects while it waits for a turn leaves it to others."""
    with serving(workers=1) as running:
        admission = running.app.state.service.admission
        with admission.turn():
            for path in ("/v1/predict", "/v2/models/detector/infer"):
                request = running.client.build_request("POST", path, json={"image": base64.b64encode(jpeg).decode()})
                head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                head += f"Content-Length: {len(request.content)}\r\n\r\n"
                until(lambda: running.client.get("/v2/health/ready").status_code == 200)
                waiting = admission.waiting
                with running.connect() as link:
                    link.sendall(head.encode() + request.content)
                    until(lambda n=waiting: admission.waiting == n + 1)
        until(lambda: not admission.waiting and not admission.working)
        until(lambda: 'route="/v1/predict",status="499"} 1.0' in running.client.get("/metrics").text)
        assert "aletheia_verdicts_total{" not in running.client.get("/metrics").text


def test_job_refused_while_stopping(serving, clip):
    with serving() as running:
        running.app.state.stopping.set()
        response = running.client.post("/v1/jobs", **form(clip))
        assert (response.status_code, error(response)["kind"]) == (503, "not_ready")
