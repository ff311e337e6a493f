"""Below eight groups a class an evaluation has values and no intervals."""

from __future__ import annotations

import dataclasses
import math

from aletheia.evaluation.few_groups import withhold_intervals
from aletheia.evaluation.model_comparison import Comparison
from aletheia.release.data_records import FamilyRecord
from aletheia.release.training_records import FarRecord, GivenAwayRecord, TrainingRecord
from aletheia.reports.evaluation_report import render_evaluation_report


def test_withhold_intervals_keeps_enough_groups(evaluation):
    assert min(evaluation.metrics.groups_real, evaluation.metrics.groups_fake) >= 8
    assert withhold_intervals(evaluation) is evaluation


def test_withhold_intervals_leaves_values_only(evaluation):
    comparison = Comparison("x", False, 0.9, 0.8, 0.1, 0.05, 0.15, 100, True, "", 0.02, 20, 0.3)
    limits = {"auc": 1.0, "low": 0.34, "high": 1.0}
    training = TrainingRecord(
        faces=9,
        far=FarRecord(share=0.2, share_low=0.03, share_high=0.6, level=0.02, median=1.0),
        given_away=[GivenAwayRecord(key="files", name="files", trained_auc=0.9, **limits)],
    )
    few = dataclasses.replace(
        evaluation,
        metrics=dataclasses.replace(evaluation.metrics, groups_real=7),
        production=comparison,
        training=training,
        audit=[FamilyRecord(key="light", name="light", tells=False, **limits)],
    )
    report = withhold_intervals(few).to_report()
    assert report.metrics.auc.value == evaluation.metrics["auc"].value
    assert not any(estimate.has_interval for _, estimate in report.metrics)
    assert not any(baseline.estimate.has_interval for baseline in report.baselines.values())
    assert math.isnan(report.production.comparison.p_value()) and report.production.difference == 0.1
    assert math.isnan(report.production.lost_p(0.02))
    assert not report.training.given_away[0].estimate.has_interval and report.training.given_away[0].auc == 1
    assert math.isnan(report.training.far.share_low) and report.training.far.share == 0.2
    assert report.audit[0].estimate.has_interval  # of the training rows, which are many
    elsewhere = withhold_intervals(dataclasses.replace(few, leaks=None)).to_report()
    assert not elsewhere.audit[0].estimate.has_interval and elsewhere.audit[0].auc == 1
    limits = [
        value
        for table in (report.subgroups, report.gaps, report.cells, report.prior, report.delivery)
        for row in table
        for name, value in row.model_dump().items()
        if name.endswith(("_low", "_high"))
    ]
    assert limits and not [value for value in limits if value is not None]
    page = render_evaluation_report(withhold_intervals(few), {}, [])
    assert "No intervals: the genuine faces are of 7 independent groups" in page
