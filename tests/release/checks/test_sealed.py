"""The sealed part confirms, contradicts, or cannot decide."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from aletheia.release.checks.sealed import SealedConfirms
from aletheia.release.evaluation_records import SealedRecord
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate import run_gate
from aletheia.release.gate_check import GateContext

MANY = {"n": 100, "groups_real": 12, "groups_fake": 10}


def around(auc: float, half: float = 0.5) -> dict[str, float]:
    """An interval that is symmetric on the logit scale."""
    return {"auc": auc, "low": float(expit(logit(auc) - half)), "high": float(expit(logit(auc) + half))}


def judge(good, sealed, **changes):
    report = EvaluationReport.parse(good | changes).model_copy(update={"sealed": sealed})
    return SealedConfirms().judge(report, GateContext(float("nan")))


@pytest.mark.parametrize(
    ("auc", "state"), [(0.99, "passed"), (0.982, "passed"), (0.97, "passed"), (0.93, "failed"), (0.6, "failed")]
)
def test_sealed_confirms_compares_with_the_open_part(good, auc, state):
    good["metrics"]["auc"] = {"value": 0.982, **{k: v for k, v in around(0.982).items() if k != "auc"}}
    result = judge(good, SealedRecord(**MANY, **around(auc)))
    assert result.state == state and f"AUC {auc:.3f} (" in result.detail and "on 100 sealed faces" in result.detail


@pytest.mark.parametrize(
    ("sealed", "reason"),
    [
        (None, "register opens the sealed part"),
        (SealedRecord(reason="no part of the test set is sealed"), "no part of the test set is sealed"),
        (SealedRecord(n=50, groups_real=7, groups_fake=9, **around(0.5)), "of 7 groups; a verdict needs 8"),
        (SealedRecord(**MANY, auc=0.9), "has no interval"),
    ],
)
def test_sealed_confirms_not_judged_does_not_refuse(good, sealed, reason):
    result = judge(good, sealed)
    assert result.state == "not judged" and reason in result.detail and result.allows


def test_sealed_confirms_refuses_a_release(good):
    good["sealed"] = {**MANY, **around(0.6)}
    refused = [
        check.code for check in run_gate(EvaluationReport.parse(good), production_weights="") if not check.allows
    ]
    assert refused == ["sealed-confirms"]


def test_sealed_confirms_holds_its_level():
    """Two independent parts of equal truth: the sealed one is called lower in some 5 % of cases."""
    from aletheia.stats.clustered_auc import clustered_auc, independent_p

    rng, low = np.random.default_rng(0), 0
    for _ in range(400):
        parts = []
        for groups in (20, 10):
            ids, fake = np.repeat(np.arange(groups), 12), np.tile(np.arange(12) % 3 > 0, groups)
            score = rng.normal(0, 0.55, groups)[ids] + rng.normal(0, 0.84, len(ids)) + 2.3 * fake
            parts.append(clustered_auc(fake, score, ids))
        low += independent_p(parts[0].estimate(), parts[0].df, parts[1].estimate(), parts[1].df) < 0.05
    assert 0.02 <= low / 400 <= 0.08
