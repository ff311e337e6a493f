"""Rows of the log: what they hold of an answer, and what they must not hold."""

from __future__ import annotations

import numpy as np
import pytest

from aletheia.faces.face import Face
from aletheia.inference.prediction import FaceEvidence
from aletheia.lifecycle.prediction_log.entry import STATISTICS, answer_entry, error_entry
from aletheia.lifecycle.prediction_log.reading import EMBEDDING, read_log
from aletheia.lifecycle.prediction_log.table import PredictionTable

TIMES = {"queue": 1.0, "decode": 2.0, "detect": 3.0, "network": 4.0, "judge": 5.0, "total": 15.0}
ANSWER = {
    "id": "a" * 32,
    "model": {"version": "5d1f", "uri": "store://models/p/m:production"},
    "kind": "image",
    "verdict": "cannot tell",
    "probability": 0.75,
    "faces": [{"cause": ""}, {"cause": "too small"}],
    "width": 1000,
    "height": 500,
    "timing_ms": TIMES,
}
FACE = Face(np.array([10.0, 10, 110, 130]), np.zeros((6, 2)), 0.9)


def evidence(**values) -> FaceEvidence:
    statistics = {"luma": 99.0, "contrast": 30.0, "sharpness": 4.5, "distance": 1.25}
    return FaceEvidence(FACE, 0.5, statistics, **{"embedding": tuple(np.arange(8.0)), **values})


def test_answer(tmp_path):
    entry = answer_entry(ANSWER, [evidence(), evidence(embedding=())])
    assert (entry.cause, entry.faces, entry.megapixels, entry.ms_total) == ("too small", 2, 0.5, 15.0)
    table = PredictionTable(tmp_path / "log")
    table.append([entry, error_entry("bad_image", "5d1f", "uri")])
    table.close()
    answer, error = read_log(tmp_path / "log").to_dict("records")
    assert [answer[name] for name in STATISTICS] == [FACE.size, 0.9, 99.0, 30.0, 4.5, 1.25]
    assert [answer[name] for name in EMBEDDING] == list(range(8))
    assert (error["error"], error["verdict"], error["kind"]) == ("bad_image", "", "")
    assert answer["release"] == ""
    assert np.isnan([error[name] for name in (*STATISTICS, *EMBEDDING, "ms_total", "probability")]).all()


def test_release():
    """The version under which a model was registered stands in answers and errors."""
    registered = {**ANSWER, "model": {**ANSWER["model"], "release": "v1.2.0"}}
    assert answer_entry(registered, []).release == "v1.2.0"
    assert error_entry("timeout", "5d1f", "uri", "v1.2.0").release == "v1.2.0"


def test_video_and_ensemble():
    people = [{"cause": ""}]
    members = (evidence(embedding=tuple(np.ones(8))), evidence())
    entry = answer_entry({**ANSWER, "kind": "video", "people": people}, [FaceEvidence(FACE, 0.1, members=members)])
    assert (entry.faces, entry.cause, entry.luma) == (1, "", 99.0)
    assert np.frombuffer(entry.embedding, "<f4").tolist() == [1.0] * 8


@pytest.mark.parametrize("faces", [[], [FaceEvidence(FACE, 0.5)]])
def test_without_rules(faces):
    """A picture without a face, and a model that keeps neither statistics nor typical faces."""
    entry = answer_entry({**ANSWER, "faces": [], "probability": None}, faces)
    assert (entry.probability, entry.luma, entry.distance, entry.embedding) == (None, None, None, None)
