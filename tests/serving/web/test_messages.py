"""Sentences of the page: no verdict claims more than the model supports."""

from __future__ import annotations

import re

import pytest

from aletheia.models.calibration_map import Calibration
from aletheia.models.spec import ModelSpec
from aletheia.serving.web.messages import (
    LABELS,
    TONES,
    answer_message,
    explain_probability,
    explain_threshold,
    explain_training,
    format_clock,
    format_percent,
    format_size,
    format_span,
    part_message,
)


def spec(**values) -> ModelSpec:
    defaults = {
        "threshold": 0.5,
        "calibration": Calibration(method="platt", scale=1.2),
        "trained_on": "9 faces: 5 real; 4 fake",
    }
    return ModelSpec(architecture="attention_cnn", input_size=64, **{**defaults, **values})


def face(verdict: str, probability: float = 0.9, reason: str = "") -> dict:
    return {"verdict": verdict, "probability": probability, "reason": reason, "box": [0, 0, 9, 9]}


def answer(*verdicts: str, kind: str = "image") -> dict:
    whole = next((word for word in ("fake", "cannot tell", "real") if word in verdicts), "no face found")
    parts = [face(verdict) for verdict in verdicts]
    return {
        "kind": kind,
        "verdict": whole,
        "faces": parts,
        "model": {"threshold": 0.5},
        **({"people": parts} if kind == "video" else {}),
    }


@pytest.mark.parametrize(
    ("verdicts", "kind", "expected"),
    [
        (["fake"], "image", "The model takes this face for manipulated."),
        (["real"], "image", "The model takes this face for genuine."),
        (["real", "fake", "real"], "image", "The model takes 1 of 3 faces for manipulated."),
        (["real", "real"], "image", "The model takes both faces for genuine."),
        (["real"] * 3, "image", "The model takes all 3 faces for genuine."),
        (["real", "cannot tell"], "image", "The model cannot tell for 1 of 2 faces."),
        (["cannot tell"], "image", "The model cannot tell whether this face is genuine."),
        ([], "image", "No face was found in this picture."),
        ([], "video", "No face was found in this video."),
        (["fake"], "video", "The model takes this person’s face for manipulated."),
        (["fake", "real"], "video", "The model takes 1 of 2 people for manipulated."),
    ],
)
def test_answer_message_headline(verdicts, kind, expected):
    message = answer_message(answer(*verdicts, kind=kind))
    assert message.headline == expected
    assert message.tone == TONES[answer(*verdicts)["verdict"]]


def test_part_message_attributes_verdict_to_model():
    messages = [part_message(face(verdict, p), spec()) for verdict, p in (("real", 0.1), ("fake", 0.9))]
    for message in messages:
        assert message.headline.startswith("The model takes")
        assert any("does not prove" in text for text in message.text)
    for text in (part for message in messages for part in (message.headline, *message.text)):
        assert not re.search(
            r"\b(is|was) (fake|real|genuine|manipulated)\.", text.replace("face was manipulated at", "")
        )


def test_part_message_close_to_threshold():
    for verdict, p in (("fake", 0.55), ("real", 0.45)):
        message = part_message(face(verdict, p), spec())
        assert message.headline == f"It is close: the model leans to taking this face for {LABELS[verdict]}."
        assert "could have turned the answer" in " ".join(message.text)
        whole = {"kind": "image", "verdict": verdict, "faces": [face(verdict, p)], "model": {"threshold": 0.5}}
        assert answer_message(whole).headline == message.headline and answer_message(whole).is_close
    assert "close" not in part_message(face("fake", 0.75), spec()).headline


def test_part_message_low_threshold():
    text = " ".join(part_message(face("fake", 0.4), spec(threshold=0.2)).text)
    assert "Less than one half" in text and format_percent(0.2) in text


def test_part_message_cannot_tell():
    message = part_message(face("cannot tell", 0.7, "the face is too small: 20 pixels"), spec())
    assert message.text[0] == "Why: the face is too small: 20 pixels."
    assert "%" not in " ".join(message.text)


def test_part_message_frames_disagree():
    person = {**face("real", 0.2), "faces": [face("fake")] * 3 + [face("real")] * 7}
    assert "3 of 10 look manipulated" in " ".join(part_message(person, spec(), frames=10).text)
    person["faces"] = [face("fake")] + [face("real")] * 9
    assert "disagree" not in " ".join(part_message(person, spec(), frames=10).text)


@pytest.mark.parametrize(
    ("share", "expected"), [(0, "under 1 %"), (0.004, "under 1 %"), (0.126, "13 %"), (0.5, "50 %"), (1, "over 99 %")]
)
def test_format_percent(share, expected):
    assert format_percent(share).replace("\xa0", " ") == expected


def test_explain_probability():
    assert "About 83 of them" in " ".join(explain_probability(0.83, Calibration(method="platt", scale=2)))
    assert "not as a chance" in " ".join(explain_probability(0.83, Calibration()))


def test_explain_training():
    assert "trained on 9 faces: 5 real; 4 fake" in explain_training(spec())
    assert "not recorded" in explain_training(spec(trained_on=""))


def test_explain_threshold():
    assert explain_threshold(spec(threshold=0.2, threshold_how="5 % false alarms.")) == (
        "From 20\xa0% on this model says “manipulated” (5 % false alarms)."
    )
    assert explain_threshold(spec(threshold_how="")).endswith("“manipulated”.")


def test_format_times_and_sizes():
    assert format_clock(65.4) == "1:05" and format_clock(59.6) == "1:00"
    assert format_span([2, 14.2, 7]) == "0:02 to 0:14" and format_span([3.1]) == "0:03"
    assert [format_size(n) for n in (12, 50_000_000, 1_500_000_000, 2500)] == ["12 bytes", "50 MB", "1.5 GB", "2.5 kB"]
