"""The model server in MLRun's mock server, as Nuclio would run it."""

from __future__ import annotations

import base64

import cv2
import mlrun
import pytest

from aletheia.inference.predictor import Predictor
from aletheia.serving.server import FaceModelServer

INFER = "/v2/models/detector/infer"


@pytest.fixture(scope="module")
def server(bundle):
    function = mlrun.new_function("serve", kind="serving", image="mlrun/mlrun")
    function.set_topology("router")
    function.add_model("detector", class_name="FaceModelServer", model_path=str(bundle))
    return function.to_mock_server(namespace={"FaceModelServer": FaceModelServer})


def tensors(answer: dict) -> dict:
    return {tensor["name"]: tensor for tensor in answer["outputs"]}


def test_model_server_input_forms(server, bundle, portraits):
    pixels = portraits[0][0]
    content = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
    text = base64.b64encode(content).decode()
    expected = Predictor(bundle).predict(content)
    shape = list(pixels.shape)
    forms = [
        content,
        text,
        pixels,
        {"name": "image", "shape": [1], "datatype": "BYTES", "data": [text]},
        {"name": "image", "shape": shape, "datatype": "UINT8", "data": pixels.ravel().tolist()},
    ]
    for form in forms:
        answer = tensors(server.test(INFER, body={"inputs": [form]}))
        assert answer["fake_probability"]["data"] == [pytest.approx(expected.probability, abs=1e-6)]
        assert answer["box"]["shape"] == [1, 4]
        assert answer["verdict"]["data"] == [expected.verdict]


def test_model_server_batch(server, portraits):
    blank = cv2.imencode(".png", portraits[0][0] * 0 + 80)[1].tobytes()
    answer = tensors(server.test(INFER, body={"inputs": [blank, portraits[1][0], b"broken", portraits[2][0]]}))
    assert answer["image"]["data"] == [1, 3]
    assert answer["verdict"]["data"][0] == "no face found"
    assert answer["verdict"]["data"][2] == "error"
    assert len(answer["reason"]["data"]) == 4


def test_model_server_cannot_tell(with_rules, portraits):
    function = mlrun.new_function("serve", kind="serving", image="mlrun/mlrun")
    function.set_topology("router")
    model = str(with_rules(min_face=2000))
    function.add_model("detector", class_name="FaceModelServer", model_path=model)
    server = function.to_mock_server(namespace={"FaceModelServer": FaceModelServer})
    answer = tensors(server.test(INFER, body={"inputs": [portraits[0][0]]}))
    for verdict, reason in (("verdict", "reason"), ("face_verdict", "face_reason")):
        assert answer[verdict]["data"] == ["cannot tell"]
        assert "too small" in answer[reason]["data"][0]


def test_model_server_ready(server):
    assert server.test("/v2/models/detector/ready", method="GET").status_code == 200
    assert server.test("/v2/models", method="GET")["models"] == ["detector"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"pictures": []}, '"inputs"'),
        ({"inputs": "text"}, '"inputs"'),
        ({"inputs": []}, "no image"),
        ({"inputs": [7]}, "inputs[0]"),
        ({"inputs": [{"datatype": "FP64", "data": []}]}, "datatype"),
        ({"inputs": ["no base64!"]}, "inputs[0]"),
    ],
)
def test_model_server_refuses(server, body, message):
    with pytest.raises(RuntimeError) as refused:
        server.test(INFER, body=body)
    assert message in str(refused.value)
    assert "Traceback" not in str(refused.value)


def test_model_server_opens_no_file(server, portraits, tmp_path):
    secret = tmp_path / "secret.png"
    cv2.imwrite(str(secret), portraits[0][0])
    for name in (str(secret), secret.as_uri(), "http://127.0.0.1:9/picture.png"):
        with pytest.raises(RuntimeError, match="inputs"):
            server.test(INFER, body={"inputs": [name]})
        tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [name]}
        with pytest.raises(RuntimeError, match="inputs"):
            server.test(INFER, body={"inputs": [tensor]})
