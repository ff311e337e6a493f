"""AUC within folds and its interval, against scikit-learn, pairs counted one by one and the normal distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from aletheia.stats.grouped_auc import bootstrap_auc, weighted_auc


def test_weighted_auc_matches_scikit_learn():
    rng = np.random.default_rng(3)
    y, scores = rng.random(200) < 0.6, rng.integers(0, 9, 200) / 9
    weights = rng.integers(0, 5, (4, 200)).astype(float)
    expected = [roc_auc_score(y, scores, sample_weight=weight) for weight in weights]
    np.testing.assert_allclose(weighted_auc(y, scores, np.zeros(200, int), weights), expected)


def test_weighted_auc_compares_within_folds_only():
    rng = np.random.default_rng(4)
    y, scores, fold = rng.random(60) < 0.5, rng.integers(0, 6, 60), rng.integers(-1, 3, 60)
    weight = rng.integers(0, 3, 60).astype(float)
    won = total = 0.0
    for i in np.flatnonzero(y & (fold >= 0)):
        for j in np.flatnonzero(~y & (fold == fold[i])):
            pair = weight[i] * weight[j]
            won += pair * ((scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j]))
            total += pair
    assert weighted_auc(y, scores, fold, weight[None])[0] == pytest.approx(won / total)


def test_weighted_auc_without_pairs():
    ones = np.ones((1, 4))
    assert np.isnan(weighted_auc(np.ones(4, bool), np.arange(4.0), np.zeros(4, int), ones)).all()
    apart = weighted_auc(np.array([True, True, False, False]), np.arange(4.0), np.array([0, 0, 1, 1]), ones)
    assert np.isnan(apart).all()


def test_bootstrap_auc_coverage():
    """Of two normal distributions whose means are a standard deviation apart."""
    rng = np.random.default_rng(5)
    truth = norm.cdf(1 / np.sqrt(2))
    covered = 0
    for _ in range(60):
        y = rng.random(200) < 0.5
        low, high = bootstrap_auc(y, rng.normal(size=200) + y, np.zeros(200, int), np.arange(200), 0.95, rng)
        covered += low <= truth <= high
    assert 51 <= covered <= 60


def test_bootstrap_auc_width_matches_delong():
    rng = np.random.default_rng(6)
    y = np.arange(800) % 2 == 0
    scores = rng.normal(size=800) + y
    low, high = bootstrap_auc(y, scores, np.zeros(800, int), np.arange(800), 0.9, rng)
    wins = (scores[y][:, None] > scores[~y]).astype(float)
    error = np.sqrt(wins.mean(axis=1).var(ddof=1) / 400 + wins.mean(axis=0).var(ddof=1) / 400)
    assert (high - low) / 2 == pytest.approx(norm.ppf(0.95) * error, rel=0.12)


def test_bootstrap_auc_groups_copies():
    """Copies of rows in groups of their own do not make the interval narrower."""
    rng = np.random.default_rng(7)
    y, scores = np.arange(60) % 2 == 0, rng.normal(size=60)
    single = bootstrap_auc(y, scores, np.zeros(60, int), np.arange(60), 0.95, np.random.default_rng(0))
    repeated = np.repeat(np.arange(60), 8)
    copies = bootstrap_auc(y[repeated], scores[repeated], np.zeros(480, int), repeated, 0.95, np.random.default_rng(0))
    assert copies == pytest.approx(single)
