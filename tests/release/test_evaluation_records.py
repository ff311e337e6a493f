"""Parts of an evaluation report: they hold the columns of the tables that they are made of."""

from __future__ import annotations

import math

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
from aletheia.stats.metrics import NAMES

CELL = {"trained_on": "a", "source": "b", "generator": "c", "n_real": 4, "n_fake": 5}


def test_metric_estimates_are_all_metrics():
    assert tuple(MetricEstimates.model_fields) == NAMES


def test_metrics_record_agrees_with_its_counts(good):
    record = MetricsRecord.model_validate({name: good[name] for name in MetricsRecord.model_fields})
    counts = record.confusion
    assert counts.tn + counts.fp == record.n_real and counts.tp + counts.fn == record.n_fake
    assert record.metrics.fpr.value == pytest.approx(counts.fp / record.n_real)
    assert record.metrics.recall.value == pytest.approx(counts.tp / record.n_fake)
    assert record.metrics.accuracy.value == pytest.approx((counts.tn + counts.tp) / record.n)


def test_metrics_record_without_intervals(good):
    metrics = {name: values | {"low": None, "high": None} for name, values in good["metrics"].items()}
    estimates = MetricEstimates.model_validate(metrics)
    assert estimates.auc.is_defined and not estimates.auc.has_interval


def test_calibration_record_is_calibration_error(good):
    assert list(CalibrationRecord.model_fields) == list(good["calibration_error"])


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
