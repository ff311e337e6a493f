"""Checks against fixed places, the network's own capacity, and people who differ."""

from __future__ import annotations

from typing import Any

import pytest

from aletheia.release.checks.alike import HoldsAmongAlike
from aletheia.release.checks.baselines import BeatsBlindedNetworks, BeatsFixedPlaces
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate import GateLimits, run_gate
from aletheia.release.gate_check import CheckResult, GateCheck


def judge(values: dict[str, Any], check: type[GateCheck], **limits: float) -> CheckResult:
    results = run_gate(EvaluationReport.parse(values), GateLimits.parse(limits))
    return next(result for result in results if result.code == check.code)


@pytest.mark.parametrize(
    ("key", "check"),
    [
        ("template", BeatsFixedPlaces),
        ("window", BeatsFixedPlaces),
        ("network_blanked", BeatsBlindedNetworks),
        ("network_small", BeatsBlindedNetworks),
    ],
)
def test_beats_controls_refuses_one_near_the_network(good, key, check):
    assert judge(good, check).passed
    good["baselines"][key].update(auc=0.95, difference=0.03)
    result = judge(good, check)
    assert not result.passed and result.judged and good["baselines"][key]["name"] in result.detail


def test_beats_blinded_networks_that_were_not_trained(good):
    nothing = {"auc": None, "low": None, "high": None, "difference": None, "reason": "there is no recipe"}
    good["baselines"]["network_small"].update(nothing)
    result = judge(good, BeatsBlindedNetworks)
    assert not result.judged and "there is no recipe" in result.detail


@pytest.mark.parametrize(
    ("alike", "passed", "words"),
    [
        ({}, True, "AUC 0.970 (0.930 to 0.990) among pairs alike in gender, thumbnail (20% of all pairs)"),
        ({"auc": 0.72, "auc_low": 0.6}, False, "of what all pairs have above 0.5; at least 50%"),
        ({"auc": 0.80, "auc_low": 0.49}, False, "AUC 0.800 (0.490 to"),
        ({"auc": 0.80, "auc_low": None, "auc_high": None}, False, "AUC 0.800"),
        ({"auc": None, "auc_low": None, "auc_high": None, "share": 0.0}, False, "there are no pairs alike in gender"),
    ],
)
def test_holds_among_alike_limits(good, alike, passed, words):
    good["alike"].update(alike)
    result = judge(good, HoldsAmongAlike)
    assert result.passed is passed and words in result.detail


def test_holds_among_alike_another_limit(good):
    good["alike"].update(auc=0.72, auc_low=0.6)
    assert judge(good, HoldsAmongAlike, alike_share=0.3).passed


def test_holds_among_alike_unknown_people_and_older_evaluations(good):
    good["alike"].update(auc=None, auc_low=None, auc_high=None, columns=[])
    assert not judge(good, HoldsAmongAlike).judged
    del good["alike"]
    result = judge(good, HoldsAmongAlike)
    assert not result.judged and "run evaluate again" in result.detail
