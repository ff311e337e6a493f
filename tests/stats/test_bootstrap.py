"""The bootstrap over groups, against scikit-learn on repeated rows, NumPy and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from aletheia.stats.bootstrap import (
    RANKING,
    GroupedScores,
    draw_counts,
    group_ids,
    percentile_interval,
    unit_ids,
    widen_constant,
)

_ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=30)


@settings(deadline=None, max_examples=150)
@given(_ROWS)
def test_ranking_metrics_match_scikit_learn_on_repeated_rows(rows):
    y, p, group = (np.array(column) for column in zip(*rows, strict=True))
    y, p = y.astype(int), p / 6
    data = GroupedScores(y, p, group)
    counts = next(iter(draw_counts(data.n_groups, 1, np.random.default_rng(len(rows)))))
    repeats = counts[np.unique(group, return_inverse=True)[1]].astype(int)
    repeated_y, repeated_p = np.repeat(y, repeats), np.repeat(p, repeats)
    metrics = dict(zip(RANKING, data.ranking_metrics(counts), strict=True))
    if len(set(repeated_y)) < 2:
        assert np.isnan(list(metrics.values())).all()
        return
    fpr, tpr, _ = sk.roc_curve(repeated_y, repeated_p, drop_intermediate=False)
    assert metrics["auc"] == pytest.approx(sk.roc_auc_score(repeated_y, repeated_p))
    assert metrics["average_precision"] == pytest.approx(sk.average_precision_score(repeated_y, repeated_p))
    assert metrics["tpr_at_fpr_5"] == pytest.approx(tpr[fpr <= 0.05].max())
    assert metrics["eer"] == pytest.approx(np.interp(0, fpr + tpr - 1, fpr), abs=1e-9)


@settings(deadline=None, max_examples=200)
@given(_ROWS)
def test_grouped_auc_matches_ranking_metrics(rows):
    y, p, group = (np.array(column) for column in zip(*rows, strict=True))
    data = GroupedScores(y, p / 6, group)
    for counts in draw_counts(data.n_groups, 5, np.random.default_rng(len(rows))):
        assert data.auc(counts) == pytest.approx(data.ranking_metrics(counts)[0], abs=1e-12, nan_ok=True)


def test_grouped_auc_without_rows():
    assert np.isnan(GroupedScores(np.empty(0), np.empty(0)).auc(np.empty(0)))


def test_sums_by_group():
    data = GroupedScores(np.array([0, 1, 1]), np.array([0.1, 0.2, 0.3]), np.array(["b", "a", "b"]))
    np.testing.assert_array_equal(data.sums(np.array([1, 2, 3]), np.ones(3)), [[2, 1], [4, 2]])


def test_group_ids_unknown_groups_stand_alone():
    ids = group_ids(np.array(["b", "", "a", None, "b", float("nan"), ""], dtype=object))
    assert ids[0] == ids[4] and len(set(ids)) == 6
    assert unit_ids(None, 3).tolist() == [0, 1, 2]
    assert unit_ids(["x", "x", ""], 3)[:2].tolist() == [unit_ids(["x", "x", ""], 3)[0]] * 2


def test_draw_counts_are_multinomial():
    counts = np.array(list(draw_counts(20, 4000, np.random.default_rng(0))))
    assert (counts.sum(axis=1) == 20).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.08)
    np.testing.assert_allclose(counts.var(axis=0), 1 - 1 / 20, rtol=0.12)


def test_draw_counts_interval_matches_scipy():
    values = np.random.default_rng(0).normal(size=60)
    means = np.array([counts @ values / 60 for counts in draw_counts(60, 5000, np.random.default_rng(1))])
    expected = bootstrap((values,), np.mean, n_resamples=5000, method="percentile", rng=np.random.default_rng(2))
    assert percentile_interval(means, 0.95) == pytest.approx(expected.confidence_interval, abs=0.01)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_percentile_interval_ignores_undefined_replicates(level):
    values = np.random.default_rng(0).random(500)
    tail = (1 - level) / 2
    expected = np.quantile(values, [tail, 1 - tail])
    assert percentile_interval(np.concatenate([values, [np.nan] * 50]), level) == pytest.approx(tuple(expected))
    assert np.isnan(percentile_interval(np.full(4, np.nan), level)).all()


def test_widen_constant_replaces_constant_columns_only():
    draws = np.array([[0.0, 0.0, 1.0], [0.0, 0.2, np.nan], [0.0, 0.1, 1.0]])
    lower, upper = widen_constant(draws, np.array([-1.0, -2.0, -3.0]), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(lower, [[-1, 0, -3], [-1, 0.2, np.nan], [-1, 0.1, -3]])
    np.testing.assert_array_equal(upper, [[1, 0, 3], [1, 0.2, np.nan], [1, 0.1, 3]])
    lower, upper = widen_constant(np.full(4, 0.5), 0.3, 0.7)
    assert lower.tolist() == [0.3] * 4 and upper.tolist() == [0.7] * 4
    assert np.isnan(widen_constant(np.full(3, np.nan), 0, 1)[0]).all()
    assert widen_constant(np.empty((0, 2)), 0, 1)[0].shape == (0, 2)
