"""Checks against baselines: which they are, and what an absent one is worth."""

from __future__ import annotations

from aletheia.release.checks.baselines import BeatsControls, BeatsFamilies
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import GateContext


def test_beats_baselines_takes_every_baseline_of_its_kind(good):
    """One that somebody adds to the evaluation counts without a change of the gate."""
    good["baselines"]["window"] = good["baselines"]["thumbnail"] | {"kind": "control", "auc": 0.9, "difference": 0.06}
    report = EvaluationReport.parse(good)
    assert BeatsControls().judge(report, GateContext(0)).state == "failed"
    assert BeatsFamilies().judge(report, GateContext(0)).state == "passed"


def test_beats_baselines_absent_measures_tell_nothing(good):
    good["baselines"]["light"].update(auc=None, absent=True, reason="the same in all")
    result = BeatsFamilies().judge(EvaluationReport.parse(good), GateContext(0))
    assert result.passed and "tell nothing" in result.detail
    good["baselines"]["light"].update(absent=False)
    assert BeatsFamilies().judge(EvaluationReport.parse(good), GateContext(0)).state == "not judged"
