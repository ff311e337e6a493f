"""Numbers that may be undefined, and the metrics of an aggregation level."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from aletheia.release.evaluation_records import CellRecord
from aletheia.release.metrics_record import MetricEstimates, MetricsRecord
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
