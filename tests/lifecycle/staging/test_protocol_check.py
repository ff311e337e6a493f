"""Conformance with the Open Inference Protocol V2: the real service passes, each planted fault is found."""

from __future__ import annotations

import pytest

from aletheia.lifecycle.staging.protocol_check import check_protocol


def test_real_service_conforms(service, jpeg):
    result = check_protocol(service.client, jpeg)
    assert (result.state, result.detail) == ("passed", "14 requests answered as specified")


def _infer(change):
    def alter(path, status, body):
        if path.endswith("/infer") and status == 200:
            change(body)
        return status, body

    return alter


def _longer(body) -> None:
    body["outputs"][0]["shape"] = [9]


def _other_score(body) -> None:
    body["outputs"][0]["data"][0] += 0.01


def _no_outputs(body) -> None:
    del body["outputs"]


def _on(suffix, answer):
    return lambda path, status, body: answer(status, body) if path.endswith(suffix) else (status, body)


FAULTS = {
    "shape": (_infer(_longer), "values, not 9"),
    "datatype": (_infer(lambda body: body["outputs"][0].update(datatype="FP64")), "not of the declared type"),
    "unknown datatype": (_infer(lambda body: body["outputs"][0].update(datatype="FLOAT")), "does not fit"),
    "score": (_infer(_other_score), "/v1/predict"),
    "id": (_infer(lambda body: body.update(id="other")), "in place of the request's"),
    "name": (_infer(lambda body: body.update(model_name="other")), "names the model"),
    "outputs": (_infer(_no_outputs), "outputs"),
    "server": (_on("/v2", lambda status, body: (status, {"name": "x"})), "does not fit"),
    "health": (_on("/v2/health/live", lambda status, body: (503, body)), "answers 503, not 200"),
    "metadata": (_on("/v2/models/detector", lambda status, body: (status, {**body, "inputs": []})), "inputs"),
    "error form": (lambda path, status, body: (status, {"detail": "x"} if status >= 400 else body), "error"),
    "error status": (lambda path, status, body: (200 if status == 404 else status, body), "answers 200, not 404"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(staged, jpeg, fault):
    alter, message = FAULTS[fault]
    with staged(alter) as running:
        result = check_protocol(running.client, jpeg)
    assert result.state == "failed" and message in result.detail
