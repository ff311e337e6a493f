"""Parts of an evaluation report: they hold the columns of the tables that they are made of."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from pydantic import ValidationError

from aletheia.release.evaluation_records import (
    BaselineScore,
    CalibrationRecord,
    CellRecord,
    FprRatio,
    MetricEstimates,
    MetricsRecord,
    PrevalenceRecord,
    ProductionComparison,
)
from aletheia.stats.calibration_error import CalibrationError
from aletheia.stats.metrics import NAMES, evaluate_scores

CELL = {"trained_on": "a", "source": "b", "generator": "c", "n_real": 4, "n_fake": 5}


def test_metric_estimates_are_all_metrics():
    assert tuple(MetricEstimates.model_fields) == NAMES


def test_metrics_record_of_scores():
    y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9])
    record = MetricsRecord.model_validate(evaluate_scores(y, p, 0.5, replicates=0).to_dict())
    # Of four pairs of a real and a fake row, three are in the right order; one of each class is called fake.
    assert record.metrics.auc.value == 0.75 and record.metrics.fpr.value == record.metrics.fnr.value == 0.5
    assert dict(record.confusion) == {"tn": 1, "fp": 1, "fn": 1, "tp": 1}
    assert not record.metrics.auc.has_interval


def test_calibration_record_is_calibration_error():
    assert list(CalibrationRecord.model_fields) == [field.name for field in dataclasses.fields(CalibrationError)]


def test_record_with_interval():
    cell = CellRecord(**CELL, auc=0.9, auc_low=0.8, auc_high=None)
    estimate = cell.with_interval("auc")
    assert (estimate.value, estimate.low) == (0.9, 0.8) and math.isnan(estimate.high)


def test_record_is_frozen_and_closed():
    cell = CellRecord(**CELL, auc=0.9, auc_low=0.8, auc_high=1)
    with pytest.raises(ValidationError, match="frozen"):
        cell.auc = 1.0
    with pytest.raises(ValidationError, match="Extra inputs"):
        CellRecord(**CELL, auc=0.9, auc_low=0.8, auc_high=1, ece=0)


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


def test_prevalence_record_needs_a_base_rate():
    with pytest.raises(ValidationError, match="base_rate"):
        PrevalenceRecord(base_rate=None, **dict.fromkeys(list(PrevalenceRecord.model_fields)[1:]))
