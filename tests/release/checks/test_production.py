"""The check against the model in production: its level falls with every try on the same test set."""

from __future__ import annotations

import pytest

from aletheia.release.checks.production import ALPHA, BeatsProduction
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import GateContext

OTHER = {"other": "production", "same": False, "auc": 0.95, "other_auc": 0.9, "difference": 0.05, "low": 0.02}
OTHER |= {"high": 0.08, "n": 300, "same_data": True, "weights_sha256": "f" * 64, "standard_error": 0.015, "df": 20}


@pytest.mark.parametrize(
    ("number", "level", "state"),
    [(1, 0.025, "passed"), (2, ALPHA / 6, "passed"), (5, ALPHA / 30, "passed"), (6, ALPHA / 42, "failed")],
)
def test_beats_production_spends_its_level_over_the_tries(good, number, level, state):
    """The p of this difference, .0017 by Student's t of 20 degrees, is enough for five tries and no more."""
    good |= {"production": OTHER, "tries": {"number": number, "optimism": 0.01}}
    result = BeatsProduction().judge(EvaluationReport.parse(good), GateContext(0, "f" * 32))
    assert result.state == state
    assert f"needed below {level:.4f} at evaluation no. {number} on this test set" in result.detail


def test_beats_production_needs_groups_only_to_compare(good):
    good |= {"groups_real": 3}
    check = BeatsProduction()
    assert check.judge(EvaluationReport.parse(good), GateContext(0, "")).passed
    compared = EvaluationReport.parse(good | {"production": OTHER})
    assert check.judge(compared, GateContext(0, "f" * 32)).state == "not judged"


NEW = {"n": 120, "groups": 60, "first_right": 0.56, "second_right": 0.87, "mended": 40, "broken": 3}
NEW |= {"difference": 0.31, "standard_error": 0.05, "df": 59}
#: No gain on the test set: p that it is not better .55, p that it has lost more than .02 .017.
LEVEL_ON_TEST = OTHER | {"auc": 0.899, "difference": -0.001, "standard_error": 0.0085, "logit_error": 0.0856}


def judged(good: dict, **production) -> tuple[str, str]:
    report = good | {"production": LEVEL_ON_TEST | production, "tries": {"number": 1, "optimism": 0.0}}
    result = BeatsProduction().judge(EvaluationReport.parse(report), GateContext(0, "f" * 32))
    return result.state, result.detail


def test_gain_on_new_faces_counts_where_nothing_is_lost_on_the_test_set(good):
    """What a retraining learns need not be in a test set that was drawn before."""
    assert judged(good)[0] == "failed"
    state, detail = judged(good, new_faces=NEW)
    assert state == "passed"
    assert "on 120 new faces right 87.0% against 56.0%: p that it is not better" in detail
    assert "needed below 0.0125; p that it has lost more than 0.02 AUC on the test set 0.0175" in detail
    assert judged(good, new_faces=NEW, auc=0.894, difference=-0.006)[0] == "failed"  # p that .02 is lost: .059
    assert judged(good, new_faces=NEW, logit_error=None)[0] == "failed"  # of an earlier version
    assert judged(good, new_faces=NEW | {"difference": 0.1})[0] == "failed"  # p that it is not better: .025


def test_two_chances_share_the_level(good):
    """A gain on the test set with a p of .02 is enough alone, and not beside another chance."""
    gain = {"difference": 0.019, "standard_error": 0.0087}
    assert judged(good, **gain)[0] == "passed"
    assert judged(good, **gain, new_faces=NEW | {"difference": 0.0})[0] == "failed"
    few = NEW | {"groups": 5, "df": 4, "standard_error": None}
    state, detail = judged(good, **gain, new_faces=few)
    assert state == "passed" and "of too few people or films (5) for a test" in detail
