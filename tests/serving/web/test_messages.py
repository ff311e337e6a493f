"""What the page says: no verdict claims more than the model knows."""

from __future__ import annotations

import re

import pytest

from aletheia.models.spec import Calibration, ModelSpec
from aletheia.serving.web import messages as words


def spec(**values) -> ModelSpec:
    given = {
        "threshold": 0.5,
        "calibration": Calibration(method="platt", scale=1.2),
        "trained_on": "9 faces: 5 real; 4 fake",
    }
    return ModelSpec(architecture="attention_cnn", input_size=64, **{**given, **values})


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
def test_headlines(verdicts, kind, expected):
    saying = words.headline(answer(*verdicts, kind=kind))
    assert saying.headline == expected
    assert saying.tone == words.TONES[answer(*verdicts)["verdict"]]


def test_every_verdict_is_the_models_and_says_what_it_is_not():
    told = [words.of_part(face(verdict, p), spec()) for verdict, p in (("real", 0.1), ("fake", 0.9))]
    for saying in told:
        assert saying.headline.startswith("The model takes")
        assert any("does not prove" in text for text in saying.text)
    for text in (part for saying in told for part in (saying.headline, *saying.text)):
        assert not re.search(
            r"\b(is|was) (fake|real|genuine|manipulated)\.", text.replace("face was manipulated at", "")
        )


def test_a_close_call_is_called_one():
    for verdict, p in (("fake", 0.55), ("real", 0.45)):
        saying = words.of_part(face(verdict, p), spec())
        assert saying.headline == f"It is close: the model leans to taking this face for {words.SHORT[verdict]}."
        assert "could have turned the answer" in " ".join(saying.text)
        whole = {"kind": "image", "verdict": verdict, "faces": [face(verdict, p)], "model": {"threshold": 0.5}}
        assert words.headline(whole).headline == saying.headline and words.headline(whole).close
    assert "close" not in words.of_part(face("fake", 0.75), spec()).headline


def test_a_low_probability_above_a_low_threshold_is_explained():
    text = " ".join(words.of_part(face("fake", 0.4), spec(threshold=0.2)).text)
    assert "Less than one half" in text and words.percent(0.2) in text


def test_cannot_tell_says_why_and_gives_no_number():
    saying = words.of_part(face("cannot tell", 0.7, "the face is too small: 20 pixels"), spec())
    assert saying.text[0] == "Why: the face is too small: 20 pixels."
    assert "%" not in " ".join(saying.text)


def test_frames_that_disagree_are_told():
    person = {**face("real", 0.2), "faces": [face("fake")] * 3 + [face("real")] * 7}
    assert "3 of 10 look manipulated" in " ".join(words.of_part(person, spec(), frames=10).text)
    person["faces"] = [face("fake")] + [face("real")] * 9
    assert "disagree" not in " ".join(words.of_part(person, spec(), frames=10).text)


@pytest.mark.parametrize(
    ("share", "expected"), [(0, "under 1 %"), (0.004, "under 1 %"), (0.126, "13 %"), (0.5, "50 %"), (1, "over 99 %")]
)
def test_nothing_is_certain(share, expected):
    assert words.percent(share).replace("\xa0", " ") == expected


def test_the_meaning_of_a_probability():
    assert "About 83 of them" in " ".join(words.meaning(0.83, Calibration(method="platt", scale=2)))
    assert "not as a chance" in " ".join(words.meaning(0.83, Calibration()))


def test_what_it_was_trained_on_is_said_even_when_nobody_knows():
    assert "trained on 9 faces: 5 real; 4 fake" in words.learnt_from(spec())
    assert "Nobody wrote down" in words.learnt_from(spec(trained_on=""))


def test_times_and_sizes():
    assert words.clock(65.4) == "1:05" and words.clock(59.6) == "1:00"
    assert words.moments([2, 14.2, 7]) == "0:02 to 0:14" and words.moments([3.1]) == "0:03"
    assert [words.size(n) for n in (12, 50_000_000, 1_500_000_000, 2500)] == ["12 bytes", "50 MB", "1.5 GB", "2.5 kB"]
