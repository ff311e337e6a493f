"""Ranking curves, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from aletheia.stats.curves import auc, curve


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=30))
def test_curve_matches_scikit_learn(rows):
    y, p = (np.array(column) for column in zip(*rows, strict=True))
    if y.min() == y.max():
        assert np.isnan(auc(y, p))
        return
    assert auc(y, p) == pytest.approx(sk.roc_auc_score(y, p))
    fpr, tpr, thresholds = sk.roc_curve(y, p, drop_intermediate=False)
    c = curve(y, p)
    np.testing.assert_allclose(c.fpr, fpr)
    np.testing.assert_allclose(c.tpr, tpr)
    np.testing.assert_array_equal(c.thresholds, thresholds[1:])


def test_curve_ties_by_hand():
    c = curve(np.array([1, 0, 1, 0, 1]), np.array([0.5, 0.5, 0.9, 0.1, 0.5]))
    assert c.thresholds.tolist() == [0.9, 0.5, 0.1]
    assert c.tp.tolist() == [1, 3, 3] and c.fp.tolist() == [0, 1, 2]


def test_curve_precision_matches_scikit_learn():
    rng = np.random.default_rng(0)
    y, p = rng.random(300) < 0.3, np.round(rng.random(300), 1)
    c = curve(y, p)
    precision, recall, _ = sk.precision_recall_curve(y, p)
    np.testing.assert_allclose(c.tp / (c.tp + c.fp), precision[:-1][::-1])
    np.testing.assert_allclose(c.tpr[1:], recall[:-1][::-1])


def test_auc_perfect_ranking_exactly_one():
    y = np.array([0] * 49 + [1] * 151)
    assert auc(y, y.astype(float)) == 1.0 and auc(y, -y.astype(float)) == 0.0


def test_auc_without_rows():
    assert np.isnan(auc(np.empty(0), np.empty(0)))
