"""Evidence at one place of all fakes refuses; what was not computed does not."""

from __future__ import annotations

import pytest

from aletheia.release.checks.saliency import EvidenceIsSpread
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate import limits_model, run_gate

NONE = float("nan")


def saliency(share, low, high):
    return {
        **{"fake": share, "fake_low": low, "fake_high": high},
        **{"real": 0.1, "real_low": 0.08, "real_high": 0.12, "uniform": 1 / 16},
    }


@pytest.mark.parametrize(
    ("values", "state"),
    [
        (saliency(0.16, 0.14, 0.18), "passed"),
        (saliency(0.42, 0.39, 0.45), "passed"),
        (saliency(0.49, 0.47, 0.51), "failed"),
        (saliency(0.9, NONE, NONE), "not judged"),
        (saliency(NONE, NONE, NONE), "not judged"),
        (None, "not judged"),
    ],
)
def test_evidence_is_spread_state(good, values, state):
    checks = run_gate(EvaluationReport.parse(good | {"saliency": values}), production_weights="")
    result = next(check for check in checks if check.code == EvidenceIsSpread.code)
    assert result.state == state
    assert [check.code for check in checks if not check.allows] == ([result.code] if state == "failed" else [])


def test_evidence_is_spread_detail_and_loosened_limit(good):
    report = EvaluationReport.parse(good | {"saliency": saliency(0.49, 0.47, 0.51)})
    limits = limits_model()(evidence_share=0.6)
    result = next(c for c in run_gate(report, limits, production_weights="") if c.code == "evidence-spread")
    assert result.passed and result.loosened == "0.6 in place of 0.4"
    assert result.detail.startswith("49% (47% to 51%) of the evidence in fakes lies in one window of 6.2% of the crop")


def test_saliency_sentence_names_both_classes(good):
    report = EvaluationReport.parse(good | {"saliency": saliency(0.49, 0.47, 0.51)})
    assert report.saliency.sentence() == (
        "Of the network's evidence in fakes 49% (47% to 51%) lies in one window of 6.2% of the crop, in genuine faces "
        "10% (8% to 12%) in theirs."
    )
    unknown = EvaluationReport.parse(good | {"saliency": saliency(NONE, NONE, NONE)})
    assert unknown.saliency.sentence() == ""
