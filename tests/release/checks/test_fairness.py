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


@pytest.mark.parametrize(
    ("check", "field"), [(FairFalseAlarms(), "fpr_ratios"), (SimilarFalseAlarms(), "gaps")], ids=["ratio", "gap"]
)
def test_a_difference_by_chance_does_not_hide_another(good, check, field):
    """Few people make a large difference by chance, in an evaluation of an earlier version with its whole interval."""
    first = next(row for row in good[field] if row.get("rate", "fpr") == "fpr")
    wide, sure = {"low": 3.0, "gap_low": 0.4}, {"low": 2.5, "gap_low": 0.3}
    good[field] = [
        {**first, **{key: value for key, value in limits.items() if key in first}, p_name: p, "column": column}
        for column, limits, p in (("age", wide, 0.2), ("gender", sure, 0.001))
        for p_name in ({"p", "p_value"} & set(first))
    ]
    result = check.judge(EvaluationReport.parse(good), GateContext(0.15 if field == "gaps" else 2))
    assert result.state == "failed" and result.detail.startswith("gender")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"ratio": 100, "low": 2.3, "high": 100, "lowest_rate": 0},
            "is at least 2.30 times that of male, which had no",
        ),
        ({"ratio": 100, "low": 2.3, "high": 100, "lowest_rate": 0.004}, "is at least 2.30 times that of male;"),
        ({"ratio": 3.5, "low": 2.1, "high": 100}, "is 3.50 times that of male (2.10 to any number); at most 2;"),
    ],
)
def test_fair_false_alarms_says_that_the_lowest_group_has_none(good, values, text):
    good["fpr_ratios"][0].update(values | {"p": 0.0001})
    result = FairFalseAlarms().judge(EvaluationReport.parse(good), GateContext(2))
    assert result.state == "failed" and text in result.detail and "100" not in result.detail
    assert result.detail.endswith("p that groups do not differ < 0.001")
