"""The promise of the abstention is judged by class, and said in numbers."""

from __future__ import annotations

import math

import pytest

from aletheia.release.checks.abstention import AbstentionKeepsPromise
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import GateContext


def judge(good):
    return AbstentionKeepsPromise().judge(EvaluationReport.parse(good), GateContext(math.nan))


@pytest.mark.parametrize("broken", [0, 1])
def test_abstention_fails_where_one_class_breaks_the_promise(good, broken):
    good["abstention"]["coverage"][broken].update(covered=0.25, covered_low=0.2, covered_high=0.31, kept=False)
    shares = {"n": 300, "answered": 0.78, "error_answered": 0.45, "error_all": 0.4}
    limits = {f"{name}_{end}": 0.5 for name in ("answered", "error_answered", "error_all") for end in ("low", "high")}
    good["abstention"]["table"] = [{"label": "all", **shares, **limits}]
    result = judge(good)
    assert result.state == "failed"
    kind = ("genuine faces", "fakes")[broken]
    assert f"25.0% (20.0% to 31.0%) of the {kind}, 90% are promised" in result.detail
    assert "78.0% (50.0% to 50.0%) of the faces are answered, 45.0% (50.0% to 50.0%) of these wrong" in result.detail


def test_abstention_says_how_many_faces_the_limits_are_from(good):
    good["abstention"]["coverage"][0].update(p_value=0.0004, limits_from=12.3, kept=False)
    good["abstention"]["coverage"][1].update(p_value=0.31)
    detail = judge(good).detail
    assert "12 independent validation faces; p that it is kept < 0.001)" in detail
    assert "90% are promised (p that it is kept 0.310)" in detail


def test_abstention_by_limits_of_hardly_any_face_is_not_judged_but_may_fail(good):
    row = good["abstention"]["coverage"][1]
    row.update(p_value=0.31, limits_from=7.9)
    result = judge(good)
    assert result.state == "not judged" and "for fakes: the limit comes from the equivalent of 8" in result.detail
    assert "bring more people to the validation part" in result.detail
    row.update(limits_from=8.0)
    assert judge(good).passed
    row.update(covered=0.595)  # an earlier version called it kept, since it was not refuted
    assert judge(good).state == "not judged" and "exclude chance" in judge(good).detail
    row.update(limits_from=3.0, p_value=0.001, kept=False)
    assert judge(good).state == "failed"


def test_abstention_passes_where_both_classes_keep_it(good):
    assert judge(good).passed


def test_abstention_of_a_model_that_always_answers_is_not_judged(good):
    good["abstention"] = {}
    assert judge(good).state == "not judged" and "abstention_alpha" in judge(good).detail
