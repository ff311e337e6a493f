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
