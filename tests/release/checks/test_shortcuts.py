"""Shortcuts in the rows that a network got refuse, unless they are waived by name."""

from __future__ import annotations

import pytest

from aletheia.release.checks.shortcuts import NoShortcut, shortcut_names
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import GateContext


def judge(values, waived=(), limit=0.3):
    return NoShortcut().judge(EvaluationReport.parse(values), GateContext(limit, None, frozenset(waived)))


@pytest.mark.parametrize(("waived", "exception"), [((), ""), (("gender",), ""), (("light", "gender"), "waived")])
def test_no_shortcut_needs_every_name_waived(good, waived, exception):
    good["audit"][0].update(auc=0.7, tells=True)
    good["associations"][1].update(cramers_v=0.31)
    result = judge(good, waived)
    assert (result.state, result.exception) == ("failed", exception)
    assert judge(good, waived, limit=0.4).detail.count("V 0.31") == 0


def test_no_shortcut_all_measures_together_count_only_alone(good):
    good["audit"][2].update(auc=0.8, tells=True)
    assert "(all), AUC 0.80" in judge(good).detail
    good["audit"][0].update(auc=0.7, tells=True)
    assert "(all)" not in judge(good).detail and judge(good, ["light"]).exception == "waived"


def test_an_audit_of_a_handful_of_test_faces_judges_nothing(good):
    """Without training rows the test rows are audited: of two people learners guess, and that is no finding."""
    few = good | {"groups_real": 2, "leaks": None}
    result = judge(few)
    assert result.state == "not judged" and "of 2 independent groups" in result.detail
    assert judge(few | {"leaks": 0}).passed  # of the training rows, which are many
    few["audit"][0].update(auc=0.95, tells=True)
    assert judge(few).state == "failed"


def test_faces_of_one_label_need_no_other_evaluation(good):
    one = good | {"audit": None, "associations": None, "n_fake": 0}
    assert judge(one).detail == "the faces are all of one label"
    assert "run evaluate again" in judge(one | {"n_fake": 9}).detail


def test_shortcut_names_are_those_of_the_evaluation(good):
    assert shortcut_names(EvaluationReport.parse(good)) == {"light", "background", "all", "age", "gender"}
    assert shortcut_names(EvaluationReport.parse(good | {"audit": None, "associations": None})) == set()
