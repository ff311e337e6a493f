"""What the page says when the model cannot tell: no advice that would not help."""

from __future__ import annotations

import pytest

from aletheia.models.spec import AbstentionSpec, ModelSpec
from aletheia.models.verdict import CAUSES, KIND, RANGE, SMALL, UNCUT, decide
from aletheia.serving.web.reasons import explain_refusal

RULES = AbstentionSpec(
    alpha=0.1,
    real_upper=0.4,
    fake_lower=0.4,
    ranges={"luma": (50, 180), "contrast": (20, 70), "sharpness": (4.4, 7.3), "face_size": (90, 150)},
)
TYPICAL = {"luma": 100.0, "contrast": 40.0, "sharpness": 6.0}


def explain(size: float = 100.0, **statistics: float) -> tuple[str, str]:
    """Decide on a face with these statistics, and explain it."""
    spec = ModelSpec(architecture="attention_cnn", input_size=64, threshold=0.4, abstention=RULES)
    verdict = decide(spec, 0.9, face_size=size, statistics={**TYPICAL, **statistics})
    assert verdict.cause == RANGE
    return explain_refusal({"reason": verdict.reason, "cause": verdict.cause})


@pytest.mark.parametrize(
    ("statistics", "why", "advice"),
    [
        ({"luma": 20}, "it is darker", "A brighter version"),
        ({"luma": 200}, "it is brighter", "A less bright version"),
        ({"contrast": 3}, "less contrast", "A version with more contrast"),
        ({"contrast": 90}, "harder contrasts", "A version with softer contrasts"),
        ({"sharpness": 2}, "more blurred", "A sharper version"),
        ({"sharpness": 7.301}, "sharper in its finest detail", "A smaller version"),
        ({"size": 80}, "it is smaller", "A larger version"),
    ],
)
def test_explain_refusal_out_of_range(statistics, why, advice):
    reason, remedy = explain(**statistics)
    assert why in reason and advice in remedy
    assert not any(figure.isdigit() for figure in reason + remedy)


def test_explain_refusal_large_and_sharp():
    """A face that is too large is shrunk, and one that is too sharp does not become better by being sharper."""
    reason, remedy = explain(size=900, sharpness=9, luma=20)
    assert "sharper in its finest detail" in reason and "darker" in reason
    assert "larger" not in remedy and "sharper" not in remedy


@pytest.mark.parametrize("cause", [*CAUSES, UNCUT, "seen briefly", ""])
def test_explain_refusal_every_cause(cause):
    why, remedy = explain_refusal({"reason": "so it is.", "cause": cause})
    assert why.startswith("Why: ") and why.endswith(".")
    assert ("A larger" in remedy and "may get" in remedy) == (cause == SMALL)
    assert ("would have to be trained" in remedy) == (cause in (KIND, UNCUT))


def test_explain_refusal_without_reason():
    assert explain_refusal({"reason": ""})[0] == "It gives no reason."
