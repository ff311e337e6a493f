"""The risk-coverage curve against loops over the rows."""

from __future__ import annotations

import numpy as np
import pytest

from aletheia.evaluation.risk_coverage import distance, risk_coverage_area, risk_coverage_curve, risk_coverage_figure
from aletheia.stats.estimate import Estimate
from aletheia.stats.scored_set import ScoredSet


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = (rng.random(120) < 0.6).astype(int)
    p = np.clip(np.round(0.5 + 0.2 * (2 * y - 1) + rng.normal(0, 0.25, 120), 2), 0, 1)
    return y, p, rng.integers(0, 40, 120)


def curve_of(y, p, confidence=None, groups=None, threshold=0.5, seed=0, **options):
    return risk_coverage_curve(ScoredSet(y, p, threshold, groups, seed), confidence, **options)


def test_distance_by_hand():
    np.testing.assert_allclose(distance(np.array([0, 0.1, 0.2, 0.6, 1.0]), 0.2), [1, 0.5, 0, 0.5, 1])
    np.testing.assert_allclose(distance(np.array([0.0, 0.5, 1.0]), 0.0), [0, 0.5, 1])
    np.testing.assert_allclose(distance(np.array([0.0, 0.5, 1.0]), 1.0), [1, 0.5, 0])


def test_risk_coverage_curve_matches_loop(data):
    y, p, groups = data
    confidence = np.abs(p - 0.4)
    curve = curve_of(y, p, confidence, groups, 0.4, replicates=50)
    wrong = (p >= 0.4) != (y == 1)
    assert len(curve) == len(np.unique(confidence))
    for row in curve.itertuples():
        sure = confidence >= row.confidence
        assert (row.n, row.coverage) == (sure.sum(), pytest.approx(sure.mean()))
        assert row.risk == pytest.approx(wrong[sure].mean())
        assert 0 <= row.risk_low <= row.risk + 1e-12 and row.risk <= row.risk_high <= 1
    assert curve["confidence"].is_monotonic_decreasing
    assert curve["coverage"].iloc[-1] == 1
    # By default the distance from the threshold; here it orders the rows otherwise.
    default = curve_of(y, p, None, groups, 0.4, replicates=5)
    same = curve_of(y, p, distance(p, 0.4), groups, 0.4, replicates=5)
    np.testing.assert_allclose(default["risk"], same["risk"])
    assert not np.array_equal(default["coverage"], curve["coverage"])


def test_risk_coverage_area_by_hand():
    # Sure to unsure: right, wrong, right, right. Risks 0, 1/2, 1/3, 1/4.
    y, p = np.array([1, 0, 1, 0]), np.array([0.95, 0.9, 0.7, 0.45])
    scored = ScoredSet(y, p)
    assert risk_coverage_area(scored, replicates=10).value == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    # Rows of equal confidence go together.
    tied = risk_coverage_area(scored, np.array([2, 2, 1, 0]), replicates=10)
    assert tied.value == pytest.approx((1 / 2 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert risk_coverage_area(scored, np.ones(4), replicates=10).value == pytest.approx(1 / 4)


def test_risk_coverage_curve_draws_whole_groups(data):
    y, p, groups = data
    first = curve_of(y, p, groups=groups, seed=1, replicates=400)
    second = curve_of(y, p, groups=groups, seed=1, replicates=400)
    assert first.equals(second)
    wrong, rng = (p >= 0.5) != (y == 1), np.random.default_rng(2)
    rows = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    drawn = [np.concatenate([rows[k] for k in rng.integers(0, len(rows), len(rows))]) for _ in range(2000)]
    low, high = np.percentile([wrong[d].mean() for d in drawn], [2.5, 97.5])
    assert first["risk_low"].iloc[-1] == pytest.approx(low, abs=0.015)
    assert first["risk_high"].iloc[-1] == pytest.approx(high, abs=0.015)
    # Each row five times in a group of its own is no new evidence; in no group it would seem so.
    many = [np.repeat(part, 5) for part in (y, p)]
    width = {
        name: float(np.ptp(curve_of(*many, groups=g, replicates=300).iloc[-1][["risk_low", "risk_high"]]))
        for name, g in (("grouped", np.repeat(np.arange(120), 5)), ("rows", None))
    }
    assert width["grouped"] > 1.8 * width["rows"]


def test_risk_coverage_curve_unreadable_and_unknown(data):
    y, p, groups = data
    names = np.array([f"id{g}" for g in groups], dtype=object)
    expected = curve_of(y, p, groups=names, replicates=30)
    more = [np.concatenate([part, extra]) for part, extra in ((y, [1, 0]), (p, [np.nan] * 2), (names, ["id1", ""]))]
    assert curve_of(*more[:2], groups=more[2], replicates=30).equals(expected)
    # Rows of unknown group are not one group.
    unknown = curve_of(y, p, groups=np.full(120, ""), replicates=30)
    assert unknown.equals(curve_of(y, p, replicates=30))


def test_risk_coverage_interval_without_errors():
    y = np.repeat([0, 1], 10)
    curve = curve_of(y, y * 0.8 + 0.1, replicates=20)
    assert (curve["risk"] == 0).all() and (curve["risk_low"] == 0).all()
    assert curve["risk_high"].iloc[-1] == pytest.approx(0.161, abs=0.001)  # Wilson for 0 of 20
    area = risk_coverage_area(ScoredSet(y, y * 0.8 + 0.1), replicates=20)
    assert (area.value, area.low) == (0, 0) and 0.1 < area.high < 0.2


def test_risk_coverage_curve_points():
    rng = np.random.default_rng(3)
    p = rng.random(5000)
    y = (rng.random(5000) < p).astype(int)
    curve = curve_of(y, p, replicates=20)
    assert 150 < len(curve) <= 200
    assert curve["coverage"].diff().max() < 0.006 and curve["coverage"].iloc[-1] == 1
    assert (curve["n"] == np.rint(curve["coverage"] * 5000)).all()


def test_risk_coverage_figure_marks_model(data):
    y, p, groups = data
    curve = curve_of(y, p, groups=groups, replicates=20)
    figure = risk_coverage_figure(curve, Estimate(0.1, 0.05, 0.2), 0.8, 0.07)
    point = next(trace for trace in figure.data if trace.name and "rules" in trace.name)
    assert (tuple(point.x), tuple(point.y)) == ((0.8,), (0.07,))
    line = next(trace for trace in figure.data if trace.name and "surest" in trace.name)
    np.testing.assert_allclose(line.y, curve["risk"])
    assert "0.100 (0.050 to 0.200)" in figure.layout.title.subtitle.text
    silent = risk_coverage_figure(curve, Estimate(0.1, 0.05, 0.2), 0.0, float("nan"))
    assert not any(trace.name and "rules" in trace.name for trace in silent.data)
