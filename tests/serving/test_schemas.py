"""Answers as JSON, checked by the schemas that the routes document."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from aletheia.inference.predictor import FaceScore, Prediction
from aletheia.inference.timing import Stages
from aletheia.inference.video import PersonScore, VideoPrediction
from aletheia.serving.schemas import Answer, Failure, V2Failure, failure, image_answer, model_info, video_answer

FACE = FaceScore((1.0, 2.0, 3.0, 4.0), 0.9, 0.75, "cannot tell", "too small", 0.6, "small face")
LOADED = SimpleNamespace(
    release="v1.0.0",
    name="detector",
    uri="model",
    version="0123456789ab",
    precision="f32",
    device="cpu",
    spec=SimpleNamespace(threshold=0.4),
)


def test_image_answer():
    prediction = Prediction("cannot tell", 0.75, (FACE,), "too small")
    answer = image_answer(LOADED, prediction, (480, 640), Stages())
    Answer.model_validate(answer)
    assert (answer["kind"], answer["width"], answer["height"]) == ("image", 640, 480)
    assert answer["faces"] == [
        {
            "box": [1.0, 2.0, 3.0, 4.0],
            "detection_score": 0.9,
            "probability": 0.75,
            "raw_probability": 0.6,
            "verdict": "cannot tell",
            "reason": "too small",
            "cause": "small face",
        }
    ]
    assert "people" not in answer
    assert answer["id"] != image_answer(LOADED, prediction, (480, 640), Stages())["id"]


def test_video_answer():
    person = PersonScore(0.8, "fake", (0.5, 1.5), (FACE, FACE))
    answer = video_answer(LOADED, VideoPrediction("fake", 0.8, (person,), 2, "mean_logit"), (480, 640), Stages())
    parsed = Answer.model_validate(answer)
    assert (parsed.kind, parsed.faces, parsed.frames, parsed.aggregation) == ("video", [], 2, "mean_logit")
    assert (parsed.people[0].times, len(parsed.people[0].faces)) == ([0.5, 1.5], 2)


def test_model_info():
    assert model_info(LOADED) == {
        "name": "detector",
        "uri": "model",
        "version": "0123456789ab",
        "threshold": 0.4,
        "precision": "f32",
        "device": "cpu",
        "release": "v1.0.0",
        "role": "champion",
    }
    assert model_info(LOADED, "challenger")["role"] == "challenger"


def test_failure_forms():
    Failure.model_validate(failure("busy", "Try again."), strict=True)
    V2Failure.model_validate(failure("busy", "Try again.", v2=True), strict=True)
    with pytest.raises(ValidationError):
        Failure.model_validate(failure("busy", "Try again.", v2=True))


def test_answer_examples():
    for example in Answer.model_json_schema()["examples"]:
        assert Answer.model_validate(example).model_dump(exclude_unset=True, mode="json") == example
