"""What a running service records: answers of every route, errors of questions, and its numbers beside."""

from __future__ import annotations

import base64
import re

import pytest

from aletheia.lifecycle.prediction_log.entry import STATISTICS
from aletheia.lifecycle.prediction_log.reading import EMBEDDING, read_log


@pytest.fixture
def logged(serving, tmp_path):
    """Serve with a log; ``rows()`` ends the service and reads what it wrote."""
    path = tmp_path / "log.sqlite"
    running = serving(prediction_log=str(path))
    served = running.__enter__()
    open_ = [running]

    def rows():
        open_.pop().__exit__(None, None, None)
        return read_log(path)

    yield served.client, rows
    for left in open_:
        left.__exit__(None, None, None)


def test_answers_and_errors(logged, jpeg, clip):
    client, rows = logged
    picture = client.post("/v1/predict", files={"file": jpeg}).json()
    video = client.post("/v1/predict", files={"file": clip}, data={"frames": "4"}).json()
    assert client.post("/v1/predict", files={"file": b"no picture"}).status_code >= 400
    assert client.get("/nothing/here").status_code == 404
    metrics = client.get("/metrics").text
    assert re.search(r"^aletheia_prediction_log_lost_rows 0", metrics, re.M)
    frame = rows()
    assert list(frame["kind"]) == ["image", "video", ""]
    for (_, row), answer in zip(frame[:2].iterrows(), (picture, video), strict=True):
        assert row["id"] == answer["id"]
        assert row["version"] == answer["model"]["version"]
        assert row["probability"] == pytest.approx(answer["probability"])
        assert row["ms_total"] == pytest.approx(answer["timing_ms"]["total"])
        assert row["faces"] == len(answer.get("people") or answer["faces"])
        assert row["detection_score"] > 0.5
    assert frame["error"][2] in ("unknown_format", "bad_image")
    assert frame["error"][:2].eq("").all()


def test_serving_graph(logged, jpeg, until):
    client, rows = logged
    until(lambda: client.get("/v2/health/ready").status_code == 200)
    name = client.get("/v2/models").json()["models"][0]
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(jpeg).decode()]}
    assert client.post(f"/v2/models/{name}/infer", json={"inputs": [tensor]}).status_code == 200
    assert list(rows()["kind"]) == ["image"]


def test_nothing_without_a_log(serving, jpeg, tmp_path):
    with serving() as served:
        assert served.client.post("/v1/predict", files={"file": jpeg}).status_code == 200
        assert "prediction_log" not in served.client.get("/metrics").text


def test_statistics_of_a_model_with_rules(with_rules, serving, jpeg, tmp_path):
    model = with_rules({}, min_face=20)
    with serving(models=(str(model),), prediction_log=str(tmp_path / "log")) as served:
        served.client.post("/v1/predict", files={"file": jpeg})
    (row,) = read_log(tmp_path / "log").to_dict("records")
    assert 0 < row["luma"] < 255
    assert row["contrast"] > 0
    assert {"distance", *STATISTICS, *EMBEDDING} <= set(row)
