"""Parts of an evaluation report: they hold the columns of the tables that they are made of."""

from __future__ import annotations

import pytest

from aletheia.release.evaluation_records import BaselineScore, CalibrationRecord, FprRatio, ProductionComparison


def test_calibration_record_is_calibration_error(good):
    assert list(CalibrationRecord.model_fields) == list(good["calibration_error"])


@pytest.mark.parametrize(
    ("record", "estimate"),
    [
        (BaselineScore(name="x", auc=0.6, low=0.5, high=0.7, reason="", leading=[]), "0.600 (0.500 to 0.700)"),
        (CalibrationRecord(value=0.1, low=0, high=0.2, expected=0.1, n=5), "0.100 (0.000 to 0.200)"),
        (FprRatio(column="a", group="b", ratio=2, low=1, high=3), "2.000 (1.000 to 3.000)"),
        (
            ProductionComparison(
                other="x", same=False, auc=1, other_auc=0.9, difference=0.1, low=0, high=0.2, n=9, same_data=True
            ),
            "0.100 (0.000 to 0.200)",
        ),
    ],
)
def test_record_estimate(record, estimate):
    assert f"{record.estimate:.3f}" == estimate


def test_baseline_score_is_computed():
    nothing = dict.fromkeys(("auc", "low", "high"))
    assert not BaselineScore(name="x", **nothing, reason="one class", leading=[]).is_computed
    assert BaselineScore(name="x", auc=0.6, low=0.5, high=0.7, reason="", leading=[]).is_computed
