"""MLRun's serving graph inside the service: the same answers, the same model, no way to a file or an address."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from aletheia.serving.server import FaceModelServer

ROOT = Path(__file__).resolve().parents[2]
INFER = "/v2/models/detector/infer"


def tensor(data: bytes) -> dict:
    return {"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(data).decode()]}


def outputs(response) -> dict:
    assert response.status_code == 200, response.text
    return {item["name"]: item["data"] for item in response.json()["outputs"]}


def test_the_graph_says_what_predict_says(served, jpeg, portraits):
    two = np.concatenate([portraits[1][0], portraits[2][0]], axis=1)
    for data in (jpeg, cv2.imencode(".png", two[..., ::-1])[1].tobytes()):
        plain = served.client.post("/v1/predict", files={"file": data}).json()
        found = outputs(served.client.post(INFER, json={"id": "7", "inputs": [tensor(data)]}))
        assert len(plain["faces"]) >= 1
        assert found["fake_probability"] == [face["probability"] for face in plain["faces"]]
        assert found["box"] == [value for face in plain["faces"] for value in face["box"]]
        assert found["face_verdict"] == [face["verdict"] for face in plain["faces"]]
        assert found["verdict"] == [plain["verdict"]]


def test_a_batch_with_a_bad_picture(served, jpeg):
    found = outputs(served.client.post(INFER, json={"inputs": [tensor(jpeg), tensor(b"broken"), tensor(jpeg)]}))
    assert found["image"] == [0, 2]
    assert found["verdict"][1] == "error"
    assert "text" in found["reason"][1]


def test_the_model_is_not_loaded_twice(served, jpeg):
    assert served.client.post(INFER, json={"inputs": [tensor(jpeg)]}).status_code == 200
    (route,) = served.app.state.graph._server.graph.routes.values()
    assert isinstance(route._object, FaceModelServer)
    assert route._object.model is served.app.state.service


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, '"inputs"'),
        ({"inputs": 5}, '"inputs"'),
        ({"inputs": []}, "no image"),
        ({"inputs": [{"datatype": "FP64"}]}, "FP64"),
        ({"inputs": ["no base64!"]}, "inputs[0]"),
        ({"inputs": [{"datatype": "UINT8", "shape": [2, 2], "data": [[1]]}]}, "inputs[0]"),
        ([1], "object"),
        ({"inputs": [[["x"]]]}, "inputs[0]"),
    ],
)
def test_what_does_not_fit_is_told_why(served, body, words):
    response = served.client.post(INFER, json=body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["kind"] == "bad_request"
    assert words in error["message"]
    assert "Traceback" not in error["message"]


def test_no_field_of_the_body_is_an_address_a_model_or_an_operation(served, jpeg, tmp_path):
    """MLRun's router would open ``data_url`` and let the body choose what is done."""
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(jpeg)
    for address in (str(secret), secret.as_uri(), f"{served.client.base_url}readyz"):
        response = served.client.post(INFER, json={"data_url": address})
        assert response.status_code == 400
        assert '"inputs"' in response.json()["error"]["message"]
        for inputs in ([address], [{"datatype": "BYTES", "data": [address]}]):
            assert served.client.post(INFER, json={"inputs": inputs}).status_code == 400
    body = {"inputs": [tensor(jpeg)], "operation": "explain", "model": "other"}
    assert outputs(served.client.post(INFER, json=body))["verdict"]


def test_a_request_whose_time_is_up_is_told_so(serving, jpeg):
    with serving(request_timeout_s=0.0001, workers=1) as running:
        response = running.client.post(INFER, json={"inputs": [tensor(jpeg)]})
    assert (response.status_code, response.json()["error"]["kind"]) == (504, "timeout")


def test_the_project_s_own_function_answers(serving, jpeg, tmp_path, monkeypatch):
    """In a project's folder the graph is its function ``serve``, with what somebody changed in it."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "functions" / "serve", tmp_path / "functions" / "serve")
    source = tmp_path / "functions" / "serve" / "function.py"
    source.write_text(
        source.read_text()
        + "\n    def predict(self, request):\n"
        + "        return [*super().predict(request), {'name': 'mine', 'data': [5]}]\n"
    )
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with serving(workers=1) as running:
        found = outputs(running.client.post(INFER, json={"inputs": [tensor(jpeg)]}))
    assert found["mine"] == [5]
    assert [file.name for file in tmp_path.iterdir()] == ["functions"]


def test_a_graph_that_cannot_be_built_leaves_the_rest(serving, jpeg, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "functions" / "serve").mkdir(parents=True)
    (tmp_path / "functions" / "serve" / "function.yaml").write_text("kind: serving\nspec: {default_class: Nothing}\n")
    with serving(workers=1) as running:
        response = running.client.post(INFER, json={"inputs": [tensor(jpeg)]})
        assert (response.status_code, response.json()["error"]["kind"]) == (503, "not_ready")
        assert running.client.post("/v1/predict", files={"file": jpeg}).status_code == 200
