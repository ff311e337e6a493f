"""Answers as plain values, and the confidence in them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aletheia.inference.prediction import Prediction, VideoPrediction, confidence_of


@pytest.mark.parametrize(
    ("verdict", "probability", "confidence"),
    [
        ("fake", 0.9, 0.9),
        ("real", 0.1, 0.9),
        ("real", 0.6, 0.4),  # under a high threshold
        ("cannot tell", 0.5, None),
        ("no face found", None, None),
        ("error", None, None),
    ],
)
def test_confidence_of(verdict, probability, confidence):
    assert confidence_of(verdict, probability) == pytest.approx(confidence)
    for kind in (Prediction, VideoPrediction):
        assert kind(verdict, probability).confidence == pytest.approx(confidence)


def test_prediction_to_dict_holds_notes_and_no_pixels():
    prediction = Prediction("real", 0.1, notes=("a note.",), crops=(np.zeros((2, 2, 3), np.uint8),))
    assert json.loads(json.dumps(prediction.to_dict()))["notes"] == ["a note."]
    assert "crops" not in prediction.to_dict()
    assert prediction == Prediction("real", 0.1, notes=("a note.",))
