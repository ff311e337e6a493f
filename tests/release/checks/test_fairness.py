"""Fairness is judged where two groups of people are known."""

from __future__ import annotations

import pytest

from aletheia.release.checks.fairness import FairFalseAlarms, SimilarFalseAlarms
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import GateContext


@pytest.mark.parametrize("check", [FairFalseAlarms(), SimilarFalseAlarms()])
def test_fairness_without_groups_names_the_columns(good, check):
    good |= {"gaps": [], "fpr_ratios": []}
    result = check.judge(EvaluationReport.parse(good), GateContext(2))
    assert result.state == "not judged" and "gender, age, skin_tone or ethnicity" in result.detail


def test_fairness_with_too_few_people_asks_for_more(good):
    good["fpr_ratios"] = []
    good["gaps"][0].update(n_values=1, gap=None, gap_low=None)
    for check in (FairFalseAlarms(), SimilarFalseAlarms()):
        result = check.judge(EvaluationReport.parse(good), GateContext(2))
        assert result.state == "not judged" and "bring more people" in result.detail


def test_fair_false_alarms_without_any_passes_where_groups_are_known(good):
    good["fpr_ratios"] = []
    good["metrics"]["fpr"].update(value=0.0)
    assert FairFalseAlarms().judge(EvaluationReport.parse(good), GateContext(2)).passed
    good["gaps"][0].update(n_values=1)
    assert not FairFalseAlarms().judge(EvaluationReport.parse(good), GateContext(2)).judged
