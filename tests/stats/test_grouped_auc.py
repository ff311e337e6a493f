"""AUC within folds and its interval, against scikit-learn, pairs counted one by one and the normal distribution."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from aletheia.stats.grouped_auc import weighted_auc


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
