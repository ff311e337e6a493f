"""MLRun's serving graph inside the service: the same answers and model, and no access to files or addresses."""

from __future__ import annotations

import base64
import json
import math
import shutil
import socket
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from aletheia.serving.graph import ServingGraph
from aletheia.serving.server import FaceModelServer

ROOT = Path(__file__).resolve().parents[2]
INFER = "/v2/models/detector/infer"


def tensor(data: bytes) -> dict:
    return {"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(data).decode()]}


def outputs(response) -> dict:
    assert response.status_code == 200, response.text
    return {item["name"]: item["data"] for item in response.json()["outputs"]}


def test_infer_equals_predict(served, jpeg, portraits):
    two = np.concatenate([portraits[1][0], portraits[2][0]], axis=1)
    for data in (jpeg, cv2.imencode(".png", two[..., ::-1])[1].tobytes()):
        prediction = served.client.post("/v1/predict", files={"file": data}).json()
        answer = outputs(served.client.post(INFER, json={"id": "7", "inputs": [tensor(data)]}))
        assert len(prediction["faces"]) >= 1
        assert answer["fake_probability"] == [face["probability"] for face in prediction["faces"]]
        assert answer["box"] == [value for face in prediction["faces"] for value in face["box"]]
        assert answer["face_verdict"] == [face["verdict"] for face in prediction["faces"]]
        assert answer["verdict"] == [prediction["verdict"]]


@pytest.mark.parametrize("wishes", [{"threshold": 0.0}, {"threshold": 1}, {"use_calibration": False}])
def test_infer_takes_parameters(served, jpeg, wishes):
    texts = {name: str(value).lower() for name, value in wishes.items()}
    (face,) = served.client.post("/v1/predict", files={"file": jpeg}, data=texts).json()["faces"]
    answer = outputs(served.client.post(INFER, json={"inputs": [tensor(jpeg)], "parameters": wishes}))
    assert answer["fake_probability"] == [face["probability"]] and answer["face_verdict"] == [face["verdict"]]
    plain = outputs(served.client.post(INFER, json={"inputs": [tensor(jpeg)]}))
    assert answer["fake_probability"] != plain["fake_probability"] or "threshold" in wishes


def test_infer_batch_with_bad_picture(served, jpeg):
    answer = outputs(served.client.post(INFER, json={"inputs": [tensor(jpeg), tensor(b"broken"), tensor(jpeg)]}))
    assert answer["image"] == [0, 2]
    assert answer["verdict"][1] == "error"
    assert "text" in answer["reason"][1]


def test_graph_shares_loaded_model(served, jpeg):
    assert served.client.post(INFER, json={"inputs": [tensor(jpeg)]}).status_code == 200
    (route,) = served.app.state.graph._server.graph.routes.values()
    assert isinstance(route._object, FaceModelServer)
    assert route._object.model is served.app.state.service


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, '"inputs"'),
        ({"inputs": 5}, '"inputs"'),
        ({"inputs": []}, "no image"),
        ({"inputs": [{"datatype": "FP64"}]}, "FP64"),
        ({"inputs": ["no base64!"]}, "inputs[0]"),
        ({"inputs": [{"datatype": "UINT8", "shape": [2, 2], "data": [[1]]}]}, "inputs[0]"),
        ([1], "object"),
        ({"inputs": [[["x"]]]}, "inputs[0]"),
        ({"inputs": [""], "parameters": [1]}, "must be an object"),
        ({"inputs": [""], "parameters": {"crops": True}}, "no parameter 'crops'"),
        ({"inputs": [""], "parameters": {"threshold": True}}, "threshold must be a number"),
        ({"inputs": [""], "parameters": {"threshold": 2}}, "threshold is 2"),
        ({"inputs": [""], "parameters": {"use_calibration": "no"}}, "true or false"),
    ],
)
def test_infer_refuses(served, body, message):
    response = served.client.post(INFER, json=body)
    assert response.status_code == 400
    answer = response.json()
    assert answer["kind"] == "bad_request"
    assert message in answer["error"]
    assert "Traceback" not in answer["error"]


def test_infer_ignores_addresses_and_operations(served, jpeg, tmp_path):
    """MLRun's router would open ``data_url`` and take the operation from the body."""
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(jpeg)
    for address in (str(secret), secret.as_uri(), f"{served.client.base_url}readyz"):
        response = served.client.post(INFER, json={"data_url": address})
        assert response.status_code == 400
        assert '"inputs"' in response.json()["error"]
        for inputs in ([address], [{"datatype": "BYTES", "data": [address]}]):
            assert served.client.post(INFER, json={"inputs": inputs}).status_code == 400
    body = {"inputs": [tensor(jpeg)], "operation": "explain", "model": "other"}
    assert outputs(served.client.post(INFER, json=body))["verdict"]


@pytest.mark.parametrize("id", [float("nan"), float("inf"), "\ud800", "x" * 201, "a\nb", ["x"], {}, 3, None])
def test_infer_refuses_id(served, jpeg, id):
    """The answer repeats the id, and not all of these are valid JSON."""
    content = json.dumps({"id": id, "inputs": [tensor(jpeg)]})
    response = served.client.post(INFER, content=content, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["kind"]) == (400, "bad_request")
    assert '"id"' in response.json()["error"]


def test_infer_model_version_and_timing(served, jpeg):
    version = served.app.state.service.loaded.version
    for path in (INFER, INFER.replace("/infer", f"/versions/{version}/infer")):
        answer = served.client.post(path, json={"id": "42", "inputs": [tensor(jpeg)]}).json()
        assert (answer["id"], answer["model_name"], answer["model_version"]) == ("42", "detector", version)
        assert answer["parameters"]["threshold"] == 0.4 and answer["parameters"]["precision"] == "f32"
        assert answer["parameters"]["timing_ms"]["network"] > 0
    for path in (INFER.replace("/infer", ""), INFER.replace("/infer", "/ready")):
        assert served.client.get(path.replace("detector", f"detector/versions/{version}")).status_code == 200
        response = served.client.get(path.replace("detector", "detector/versions/other"))
        assert (response.status_code, response.json()["kind"]) == (404, "not_found")


def test_infer_metrics(serving, jpeg):
    with serving() as running:
        outputs(running.client.post(INFER, json={"inputs": [tensor(jpeg)] * 2}))
        lines = running.client.get("/metrics").text.splitlines()
    for line in ("aletheia_queue_seconds_count 1.0", 'aletheia_stage_seconds_count{stage="network"} 1.0'):
        assert line in lines


def test_infer_raw_probability(served, jpeg):
    """The calibration of this model is sigmoid(1.7 logit - 0.3)."""
    answer = outputs(served.client.post(INFER, json={"inputs": [tensor(jpeg)]}))
    (raw,), (probability,) = answer["raw_probability"], answer["fake_probability"]
    logit = math.log(raw / (1 - raw))
    assert probability == pytest.approx(1 / (1 + math.exp(0.3 - 1.7 * logit)), abs=1e-5)


def test_infer_selects_outputs(served, jpeg):
    def ask(names):
        return served.client.post(INFER, json={"inputs": [tensor(jpeg)], "outputs": names})

    answer = ask([{"name": "verdict"}, {"name": "box"}]).json()["outputs"]
    assert [output["name"] for output in answer] == ["verdict", "box"]
    assert len(ask([]).json()["outputs"]) == 9
    for wrong in ([{"name": "other"}], [{}], ["verdict"], {"name": "verdict"}, "verdict", [{"name": []}]):
        response = ask(wrong)
        assert response.status_code == 400 and "there are fake_probability" in response.json()["error"]


def test_infer_timeout(serving, jpeg):
    with serving(request_timeout_s=0.0001, workers=1) as running:
        response = running.client.post(INFER, json={"inputs": [tensor(jpeg)]})
    assert (response.status_code, response.json()["kind"]) == (504, "timeout")


def test_graph_uses_project_function(serving, jpeg, tmp_path, monkeypatch):
    """In a project's folder the graph is its function ``serve``, with the changes that were made to it."""
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
        answer = outputs(running.client.post(INFER, json={"inputs": [tensor(jpeg)]}))
    assert answer["mine"] == [5]
    assert [file.name for file in tmp_path.iterdir()] == ["functions"]


def test_graph_build_concurrently(served):
    graphs = [ServingGraph(served.app.state.service) for _ in range(4)]
    threads = [threading.Thread(target=graph.build) for graph in graphs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for graph in graphs:
        graph.check()


@pytest.fixture
def silent_server():
    """Point MLRun at a server that takes connections and never answers; yields it."""
    import mlrun

    original = mlrun.mlconf.dbpath
    with socket.create_server(("127.0.0.1", 0)) as listener:
        mlrun.mlconf.dbpath = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield listener
    mlrun.mlconf.dbpath = original


def test_graph_needs_no_tracking_server(served, silent_server):
    """MLRun would ask a dead one for half a minute and then give up, and the page waits for the graph."""
    graph = ServingGraph(served.app.state.service)
    graph.build()
    graph.check()
    silent_server.settimeout(0)
    with pytest.raises(BlockingIOError):  # nobody has come
        silent_server.accept()


def test_graph_build_failure(serving, jpeg, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "functions" / "serve").mkdir(parents=True)
    (tmp_path / "functions" / "serve" / "function.yaml").write_text("kind: serving\nspec: {default_class: Nothing}\n")
    with serving(workers=1) as running:
        response = running.client.post(INFER, json={"inputs": [tensor(jpeg)]})
        assert (response.status_code, response.json()["kind"]) == (503, "not_ready")
        assert "could not be built" in response.json()["error"] and "retry-after" not in response.headers
        for probe in ("/v2/health/ready", "/v2/models/detector/ready"):
            assert running.client.get(probe).status_code == 503
        assert running.client.get("/readyz").status_code == 200
        assert running.client.post("/v1/predict", files={"file": jpeg}).status_code == 200
