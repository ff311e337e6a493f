"""AUC of grouped rows: its value, its variance against closed forms, coverage, and differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import false_discovery_control, norm
from scipy.stats import t as student
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from aletheia.stats.clustered_auc import auc_difference, clustered_auc, clustered_balanced_accuracy, holm
from aletheia.stats.intervals import wilson


def normal_scores(n, rng, shift=1.0):
    y = np.arange(n) % 2
    return y, rng.normal(size=n) + shift * y


def people(k, rows, rng, shift=2.3, correlation=0.3):
    """Rows of k people with both classes each, whose scores share a part; and the AUC of two different people."""
    y = np.tile(np.arange(rows) % 2, k)
    own = np.repeat(rng.normal(0, np.sqrt(correlation), k), rows)
    scores = shift * y + own + rng.normal(0, np.sqrt(1 - correlation), k * rows)
    return y, scores, np.repeat(np.arange(k), rows)


def test_clustered_auc_value_with_ties():
    rng = np.random.default_rng(0)
    y, scores = rng.integers(0, 2, 300), rng.integers(0, 9, 300) / 9
    assert clustered_auc(y, scores).value == pytest.approx(roc_auc_score(y, scores), abs=1e-12)


def test_clustered_auc_error_of_single_rows_is_delongs():
    y, scores = normal_scores(800, np.random.default_rng(6))
    wins = (scores[y == 1][:, None] > scores[y == 0]).astype(float)
    delong = np.sqrt(wins.mean(axis=1).var(ddof=1) / 400 + wins.mean(axis=0).var(ddof=1) / 400)
    assert clustered_auc(y, scores).standard_error == pytest.approx(delong, rel=2e-3)


def test_clustered_auc_error_matches_jackknife_of_groups():
    """The jackknife over groups is an independent estimate of the same variance (Efron and Stein 1981)."""
    y, scores, groups = people(60, 12, np.random.default_rng(2))
    left_out = [roc_auc_score(y[groups != k], scores[groups != k]) for k in range(60)]
    jackknife = np.sqrt(59 / 60 * np.sum((left_out - np.mean(left_out)) ** 2))
    assert clustered_auc(y, scores, groups).standard_error == pytest.approx(jackknife, rel=0.05)


def test_clustered_auc_copies_in_groups_change_nothing():
    y, scores = normal_scores(60, np.random.default_rng(7))
    repeated = np.repeat(np.arange(60), 8)
    single, copies = clustered_auc(y, scores), clustered_auc(y[repeated], scores[repeated], repeated)
    assert (copies.value, copies.standard_error) == pytest.approx((single.value, single.standard_error))
    assert copies.estimate().low == pytest.approx(single.estimate().low)


def half_width(estimate):
    """On the logit scale."""
    return (logit(estimate.high) - logit(estimate.low)) / 2


def test_balanced_accuracy_of_single_rows_has_the_variance_of_two_shares():
    y, scores = normal_scores(900, np.random.default_rng(4))
    called = scores > 0.7
    rates = np.array([called[y == 1].mean(), 1 - called[y == 0].mean()])
    estimate = clustered_balanced_accuracy(y, called)
    assert estimate.value == pytest.approx(balanced_accuracy_score(y, called)) == pytest.approx(rates.mean())
    error = np.sqrt(np.sum(rates * (1 - rates) / 450)) / 2
    expected = student.ppf(0.975, 449) * error / (rates.mean() * (1 - rates.mean()))
    assert half_width(estimate) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("opposed", [False, True])
def test_balanced_accuracy_knows_the_covariance_of_both_classes(opposed):
    """Whoever is called fake too often costs specificity and gains sensitivity, which the jackknife sees, too."""
    y, scores, groups = people(60, 12, np.random.default_rng(5), correlation=0.6)
    called = scores > 1.15
    if not opposed:  # hard people: both classes are wrong together
        called = np.where(y == 1, called, np.roll(~called, -1))
    left_out = [balanced_accuracy_score(y[groups != k], called[groups != k]) for k in range(60)]
    jackknife = np.sqrt(59 / 60 * np.sum((left_out - np.mean(left_out)) ** 2))
    estimate = clustered_balanced_accuracy(y, called, groups)
    spread = estimate.value * (1 - estimate.value)
    assert half_width(estimate) * spread / student.ppf(0.975, 59) == pytest.approx(jackknife, rel=0.05)


def test_balanced_accuracy_without_errors_is_not_certain():
    y, groups = np.tile([0, 1], 60), np.repeat(np.arange(12), 10)
    always = clustered_balanced_accuracy(y, np.ones(120, dtype=bool), groups)
    assert always.value == 0.5 and always.low < 0.42 and always.high > 0.58
    called = (y == 1) | (groups == 0)
    estimate = clustered_balanced_accuracy(y, called, groups)
    bare = clustered_auc(y, called.astype(float), groups).estimate()
    assert half_width(estimate) > half_width(bare) > 0
    perfect = clustered_balanced_accuracy(y, y == 1, groups)
    assert (perfect.low, perfect.high) == wilson(12, 12)
    assert not clustered_balanced_accuracy(y, called, np.zeros(120)).has_interval
    assert not clustered_balanced_accuracy(np.ones(9), np.ones(9)).is_defined


def test_clustered_auc_folds_are_compared_within():
    rng = np.random.default_rng(3)
    y, scores, fold = rng.integers(0, 2, 200), rng.random(200), rng.integers(-1, 3, 200)
    won = total = 0.0
    for k in range(3):
        pairs = y[fold == k].sum() * (1 - y[fold == k]).sum()
        won, total = won + pairs * roc_auc_score(y[fold == k], scores[fold == k]), total + pairs
    assert clustered_auc(y, scores, fold=fold).value == pytest.approx(won / total)


@pytest.mark.slow
@pytest.mark.parametrize(("k", "rows", "shift"), [(24, 20, 2.3), (60, 8, 2.3), (24, 8, 0.5)])
def test_clustered_auc_coverage(k, rows, shift):
    """24 people: the percentile bootstrap holds the truth in 85 % of cases only."""
    rng, truth = np.random.default_rng(1), norm.cdf(shift / np.sqrt(2))
    estimates = [clustered_auc(*people(k, rows, rng, shift)).estimate() for _ in range(400)]
    assert 0.91 <= np.mean([e.low <= truth <= e.high for e in estimates]) <= 0.985
    assert np.mean([e.low > truth for e in estimates]) <= 0.065


def test_clustered_auc_one_group_of_a_class_has_no_interval():
    y, scores = normal_scores(40, np.random.default_rng(0))
    groups = np.where(y == 1, "one film", np.arange(40).astype(str))
    estimate = clustered_auc(y, scores, groups).estimate()
    assert estimate.is_defined and not estimate.has_interval
    assert not clustered_auc(y, scores, np.zeros(40)).estimate().has_interval


def test_clustered_auc_perfect_and_one_class():
    y = np.arange(40) % 2
    assert (clustered_auc(y, y * 1.0).estimate().low, clustered_auc(y, y * 1.0).estimate().high) == wilson(20, 20)
    assert not clustered_auc(np.ones(5), np.arange(5.0)).estimate().is_defined


def test_auc_difference_is_narrower_than_either():
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    hard = rng.normal(0, 1.5, 400)
    first, second = (clustered_auc(y, y + hard + rng.normal(0, 0.2, 400)) for _ in range(2))
    difference = auc_difference(first, second).estimate()
    assert difference.value == pytest.approx(first.value - second.value) and difference.low < 0 < difference.high
    widths = [e.high - e.low for e in (first.estimate(), second.estimate())]
    assert difference.high - difference.low < 0.5 * min(widths)


@pytest.mark.slow
@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_auc_difference_p_value_is_uniform_at_the_margin(margin):
    """Two scores whose AUCs differ by exactly the margin: p < .05 in some 5 % of cases."""
    rng = np.random.default_rng(4)
    shift = 1.0
    other = np.sqrt(2) * norm.ppf(norm.cdf(shift / np.sqrt(2)) - margin)
    p = []
    for _ in range(400):
        y, base, groups = people(30, 8, rng, 0.0)
        first, second = (base + s * y + rng.normal(0, 0.3, len(y)) for s in (shift, other))
        p.append(auc_difference(clustered_auc(y, first, groups), clustered_auc(y, second, groups)).p_value(margin))
    assert 0.02 <= np.mean(np.array(p) < 0.05) <= 0.085


def test_holm_matches_definition():
    p = np.array([0.01, np.nan, 0.04, 0.03])
    np.testing.assert_allclose(holm(p), [0.03, np.nan, 0.06, 0.06])
    assert (holm(p[[0, 2, 3]]) >= false_discovery_control(p[[0, 2, 3]])).all()  # never milder than Benjamini-Hochberg
