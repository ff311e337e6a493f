"""Routes of a running service."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest
from jsonschema import validate
from starlette.testclient import TestClient

from aletheia.inference.options import PredictOptions
from aletheia.inference.predictor import Predictor
from aletheia.inference.video import predict_video
from aletheia.serving.app import create_app
from aletheia.serving.config import ServeConfig
from aletheia.serving.metrics import ServiceMetrics

from .helpers import error, form


def test_predict_picture(served, bundle, jpeg):
    expected = Predictor(bundle).predict(jpeg)
    answer = served.client.post("/v1/predict", **form(jpeg)).json()
    assert (answer["kind"], answer["verdict"], answer["reason"]) == ("image", expected.verdict, "")
    assert (answer["width"], answer["height"]) == (256, 256)
    assert answer["probability"] == pytest.approx(expected.probability, abs=1e-6)
    (face,), (description,) = expected.faces, answer["faces"]
    assert description["box"] == list(face.box)
    # The calibration of this model: sigmoid(1.7 logit - 0.3).
    logit = np.log(description["raw_probability"] / (1 - description["raw_probability"]))
    assert description["probability"] == pytest.approx(1 / (1 + np.exp(0.3 - 1.7 * logit)), abs=1e-5)
    assert set(answer["timing_ms"]) == {"queue", "decode", "detect", "network", "judge", "total"}
    assert sum(answer["timing_ms"].values()) - answer["timing_ms"]["total"] <= answer["timing_ms"]["total"]
    assert answer["timing_ms"]["detect"] > 0


def test_predict_names_model_without_path(served, bundle, jpeg):
    model = served.client.post("/v1/predict", **form(jpeg)).json()["model"]
    weights = Predictor(bundle).spec.weights_sha256
    expected = {"name": "detector", "uri": bundle.name, "version": weights[:12], "threshold": 0.4, "precision": "f32"}
    assert model == expected | {"release": "", "role": "champion", "device": "cpu"}


def test_routes_non_finite_model(serving, numberless, jpeg, clip, until):
    """On every route; a broken model is not reported as a bad picture."""
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(jpeg).decode()]}
    with serving(models=(str(numberless),)) as running:
        ask = running.client.post
        answers = [ask("/v1/predict", **form(data)) for data in (jpeg, clip)]
        answers.append(ask("/v2/models/detector/infer", json={"inputs": [tensor]}))
        for answer in answers:
            assert (answer.status_code, error(answer)["kind"]) == (503, "model_failed")
            assert "gives no number" in error(answer)["message"]
        job = f"/v1/jobs/{ask('/v1/jobs', **form(clip)).json()['id']}"
        until(lambda: running.client.get(job).json()["state"] == "failed")
        assert running.client.get(job).json()["error"]["kind"] == "model_failed"
        # Of the three requests and of the job.
        until(lambda: 'aletheia_errors_total{kind="model_failed"} 4.0' in running.client.get("/metrics").text)


def test_predict_base64(served, jpeg):
    first = served.client.post("/v1/predict", **form(jpeg)).json()
    text = base64.b64encode(jpeg).decode()
    for image in (text, f"data:image/jpeg;base64,{text}"):
        answer = served.client.post("/v1/predict", json={"image": image}).json()
        assert (answer["faces"], answer["verdict"]) == (first["faces"], first["verdict"])
        assert answer["id"] != first["id"]


def test_predict_video(served, bundle, clip, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(clip)
    expected = predict_video(Predictor(bundle), tmp_path / "clip.mp4", frames=3)
    answer = served.client.post("/v1/predict", **form(clip, "picture.jpg", frames="3")).json()
    assert (answer["kind"], answer["frames"], answer["aggregation"]) == ("video", 3, "mean_logit")
    (person,) = answer["people"]
    assert person["times"] == list(expected.people[0].times)
    assert person["probability"] == pytest.approx(expected.probability, abs=1e-6)
    assert len(person["faces"]) == 3
    assert (answer["width"], answer["height"], answer["faces"]) == (256, 256, [])


def test_predict_no_face(served):
    blank = cv2.imencode(".png", np.full((80, 120, 3), 90, np.uint8))[1].tobytes()
    answer = served.client.post("/v1/predict", **form(blank)).json()
    assert (answer["verdict"], answer["probability"], answer["faces"]) == ("no face found", None, [])
    assert (answer["width"], answer["height"]) == (120, 80)


@pytest.mark.parametrize(
    ("sent", "status", "kind", "message"),
    [
        (form(b"hello"), 415, "unknown_format", "text"),
        (form(b""), 422, "bad_image", "empty"),
        (form(b"\xff\xd8\xff\xe0" + b"\0" * 40), 422, "bad_image", "damaged"),
        (form(b"\0\0\0\x18ftypisom" + b"\0" * 40), 422, "bad_video", "no video"),
        ({"data": {"file": "no file"}}, 415, "unknown_format", "x-www-form-urlencoded"),
        ({"files": {"picture": b"x"}}, 400, "bad_request", "field file"),
        ({"files": [("file", b"x"), ("file", b"y")]}, 400, "bad_request", "Too many files"),
        ({"files": {"file": b"x"}, "data": {"frames": "x" * 5000}}, 400, "bad_request", "maximum size"),
        ({"content": b"x"}, 415, "unknown_format", "content type"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "bad_request", "boundary"),
        (
            {"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=b"}},
            400,
            "bad_request",
            "cannot be read",
        ),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "bad_request", "JSON"),
        ({"content": b"[" * 200_000, "headers": {"content-type": "application/json"}}, 400, "bad_request", "deep"),
        ({"content": b"\xff\xfe", "headers": {"content-type": "application/json"}}, 400, "bad_request", "JSON"),
        ({"json": []}, 400, "bad_request", "object"),
        ({"json": {}}, 400, "bad_request", "no picture"),
        ({"json": {"image": 5}}, 400, "bad_request", "no picture"),
        ({"json": {"image": "x!"}}, 400, "bad_request", "base64"),
        ({"json": {"image": "/etc/passwd"}}, 400, "bad_request", "base64"),
        ({"json": {"image": "", "path": "/etc/passwd"}}, 400, "bad_request", "path"),
    ],
)
def test_predict_refuses(served, sent, status, kind, message):
    response = served.client.post("/v1/predict", **sent)
    assert response.status_code == status
    assert error(response)["kind"] == kind
    assert message in error(response)["message"]


def test_routes_unknown_paths_and_methods(served):
    for method, path, status, kind in (
        ("GET", "/v1/predict", 405, "method_not_allowed"),
        ("PUT", "/v1/jobs", 405, "method_not_allowed"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v2/models/other", 404, "not_found"),
        ("POST", "/v2/models/other/infer", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404, "not_found"),
    ):
        response = served.client.request(method, path)
        assert (response.status_code, error(response)["kind"]) == (status, kind), path


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/predict", "POST"),
        ("PUT", "/v1/jobs/x", "DELETE, GET, HEAD"),  # of two routes
        ("POST", "/healthz", "GET, HEAD"),
        ("DELETE", "/v2/models/detector", "GET, HEAD"),
        ("BREW", "/openapi.json", "GET, HEAD"),
        ("OPTIONS", "/v2/models/detector/infer", "POST"),
        ("HEAD", "/v1/jobs", "POST"),
    ],
)
def test_routes_name_the_methods_that_they_have(served, method, path, allow):
    response = served.client.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allow)


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/metrics", "/docs", "/openapi.json", "/v2"]
)
def test_routes_head_is_get_without_body(served, until, path):
    until(lambda: served.client.get("/v2/health/ready").status_code == 200)
    head, get = served.client.head(path), served.client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert served.client.head("/v1/jobs/none").status_code == 404


def test_defect_writes_one_line(serving, monkeypatch, caplog):
    """A client must not be able to fill the disk by the log."""

    def fail(self) -> bytes:
        raise RuntimeError("two\nlines" + "x" * 5000)

    monkeypatch.setattr(ServiceMetrics, "exposition", fail)
    with serving() as running, caplog.at_level("INFO"):
        caplog.clear()
        response = running.client.get("/metrics")
        assert (response.status_code, error(response)["kind"]) == (500, "internal")
        (record,) = [record for record in caplog.records if record.name.startswith(("aletheia", "uvicorn"))]
    assert record.exc_info is None
    message = record.getMessage()
    assert "\n" not in message and len(message) < 1000
    assert "RuntimeError: 'two" in message and "test_routes.py" in message


def test_routes_not_hidden_by_page(bundle):
    """Until the page has been built, one that reloads itself takes its place."""
    app = create_app(ServeConfig(models=(str(bundle),), workers=1))
    client = TestClient(app, base_url="http://127.0.0.1")  # not entered: nothing is built
    assert (client.get("/v1/predict").status_code, client.get("/nothing").status_code) == (405, 404)
    assert 'http-equiv="refresh"' in client.get("/").text
    assert client.get("/v2/models").json() == {"models": ["detector"]}
    app.state.service.close()


@pytest.mark.parametrize("charset", ["idna", "undefined", "punycode", "hex", "none-such"])
def test_predict_form_charset(served, jpeg, charset):
    body = b"--x\r\nContent-Disposition: form-data; name=frames\r\n\r\n" + bytes(range(128, 200))
    body += b"\r\n--x\r\nContent-Disposition: form-data; name=file; filename=\xff\xfe\r\n\r\n" + jpeg + b"\r\n--x--\r\n"
    headers = {"content-type": f"multipart/form-data; boundary=x; charset={charset}"}
    response = served.client.post("/v1/predict", content=body, headers=headers)
    assert response.status_code == 200 or (response.status_code, error(response)["kind"]) == (400, "bad_request")


def test_probes_and_v2_models(served, until):
    until(lambda: served.client.get("/v2/health/ready").status_code == 200)  # its graph takes seconds to import
    for path in ("/healthz", "/v2/health/live", "/readyz", "/v2/health/ready"):
        assert served.client.get(path).status_code == 200
    assert served.client.get("/v2/models").json() == {"models": ["detector"]}
    description = served.client.get("/v2/models/detector").json()
    assert (description["inputs"][0]["datatype"], description["device"]) == ("BYTES", "cpu")
    assert served.client.get("/v2/models/detector/ready").json() == {"name": "detector", "ready": True}


def test_predict_fits_openapi(served, jpeg, clip):
    """Answers and examples fit the OpenAPI description, by an independent validator."""
    described = served.client.get("/openapi.json").json()
    schema = described["components"]["schemas"]
    definitions = {"components": described["components"], **schema["Answer"]}
    for data in (jpeg, clip):
        validate(served.client.post("/v1/predict", **form(data)).json(), definitions)
    for example in schema["Answer"]["examples"]:
        validate(example, definitions)
    failed = served.client.post("/v1/predict", **form(b"")).json()
    validate(failed, {"components": described["components"], **schema["Failure"]})
    assert {"/v1/predict", "/v1/jobs", "/v2/models/{name}/infer", "/metrics"} <= set(described["paths"])


def test_docs_load_nothing(served):
    page = served.client.get("/docs").text
    for word in ("http://", "https://", "@import", "url("):
        assert word not in page
    assert served.client.get("/redoc").status_code == 404


def test_metrics_exposition(serving, jpeg):
    with serving(workers=1) as running:
        for data in (jpeg, jpeg, b"", b"text"):
            running.client.post("/v1/predict", **form(data))
        running.client.get("/v1/nothing-that-is-counted-by-name")
        text = running.client.get("/metrics").text
        loaded = running.app.state.service.loaded
    for line in (
        'aletheia_requests_total{route="/v1/predict",status="200"} 2.0',
        'aletheia_errors_total{kind="bad_image"} 1.0',
        'aletheia_errors_total{kind="unknown_format"} 1.0',
        'aletheia_request_seconds_count{route="/v1/predict"} 4.0',
        "aletheia_queue_seconds_count 2.0",
        'aletheia_stage_seconds_count{stage="network"} 2.0',
        "aletheia_faces_sum 2.0",
        "aletheia_scores_count 2.0",
        'aletheia_model_info{name="detector",precision="f32",release="",'
        f'uri="{loaded.uri}",version="{loaded.version}"}} 1.0',
        "aletheia_model_threshold 0.4",
    ):
        assert line in text.splitlines()
    assert "nothing-that" not in text
    (memory,) = (line for line in text.splitlines() if line.startswith("aletheia_resident_memory_bytes "))
    assert 50e6 < float(memory.split()[1]) < 20e9


def test_metrics_abstentions(serving, with_rules, jpeg):
    with serving(models=(str(with_rules(min_face=2000)),)) as running:
        answer = running.client.post("/v1/predict", **form(jpeg)).json()
        assert (answer["verdict"], answer["faces"][0]["verdict"]) == ("cannot tell", "cannot tell")
        assert "too small" in answer["reason"]
        assert 'aletheia_abstentions_total{cause="small face"} 1.0' in running.client.get("/metrics").text


def test_predict_deletes_upload(served, clip, tmp_path, monkeypatch):
    """A video that is too large for memory is written to a file without a name."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    calls = []
    take = served.app.state.service.decoder.video

    def watch(source, *rest):
        calls.append((list(tmp_path.iterdir()), source))
        return take(source, *rest)

    monkeypatch.setattr(served.app.state.service.decoder, "video", watch)
    padded = clip + (2_000_008).to_bytes(4, "big") + b"free" + bytes(2_000_000)
    assert served.client.post("/v1/predict", **form(padded, frames="1")).status_code == 200
    ((files, source),) = calls
    assert files == [] and list(tmp_path.iterdir()) == []
    assert source.closed


def test_predict_simple_fields_and_options(served, bundle, jpeg):
    plain = served.client.post("/v1/predict", **form(jpeg)).json()
    assert (plain["ok"], plain["prediction"], plain["used_calibration"]) == (True, plain["verdict"], True)
    p = plain["probability"]
    assert plain["confidence"] == pytest.approx(p if plain["verdict"] == "fake" else 1 - p)
    text = base64.encodebytes(jpeg).decode()
    for sent in (
        form(jpeg, threshold="1", use_calibration="false", crops="true"),
        {"json": {"image": text, "threshold": 1, "use_calibration": False, "crops": True}},
    ):
        answer = served.client.post("/v1/predict", **sent).json()
        assert (answer["verdict"], answer["used_calibration"], answer["model"]["threshold"]) == ("real", False, 1.0)
        (face,) = answer["faces"]
        assert face["probability"] == pytest.approx(plain["faces"][0]["raw_probability"], abs=1e-6)
        crop = cv2.imdecode(np.frombuffer(base64.b64decode(face["crop"]), np.uint8), cv2.IMREAD_COLOR)
        (wanted,) = Predictor(bundle).predict(jpeg, PredictOptions(crops=True)).crops
        np.testing.assert_array_equal(crop[..., ::-1], wanted)
    refused = served.client.post("/v1/predict", **form(jpeg, threshold="2"))
    assert (refused.status_code, error(refused)["kind"]) == (400, "bad_request")


def test_predict_says_what_had_to_be_done(served, jpeg):
    answer = served.client.post("/v1/predict", **form(jpeg[:-2])).json()
    assert answer["notes"] == ["The end of the file is missing; all of the picture is there."]
    assert served.client.post("/v1/predict", **form(jpeg)).json()["notes"] == []
