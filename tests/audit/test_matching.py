"""Matching: as many pairs as possible, and no difference left between the classes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from aletheia.audit.matching import match_by_score, match_by_value, pair_within
from aletheia.core.errors import InputError
from aletheia.stats.tabular import Columns

COLUMNS = Columns(("a", "b"), ("size", "tilt"), (False, False))


def most_pairs(first, second, caliper):
    """Largest matching, by trying all assignments."""
    small, large = sorted((first, second), key=len)
    best = 0
    for chosen in itertools.permutations(range(len(large)), len(small)):
        best = max(best, sum(abs(small[i] - large[j]) <= caliper for i, j in enumerate(chosen)))
    return best


@pytest.mark.parametrize("seed", range(30))
def test_pair_within_is_maximal(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.uniform(0, 3, rng.integers(0, 5)), rng.uniform(0, 3, rng.integers(0, 7))
    pairs = pair_within(first, second, 0.4)
    assert len(pairs) == most_pairs(list(first), list(second), 0.4)
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
    assert (abs(first[pairs[:, 0]] - second[pairs[:, 1]]) <= 0.4).all()


@pytest.mark.slow
def test_match_by_score_removes_the_difference():
    rng = np.random.default_rng(0)
    fake = rng.random(1200) < 0.5
    values = rng.normal(0, 1, (1200, 2)) + 1.5 * fake[:, None]
    values[rng.random(1200) < 0.1, 1] = np.nan
    model = HistGradientBoostingClassifier(max_iter=60, random_state=0)

    def auc(rows):
        scores = cross_val_predict(model, values[rows], fake[rows], cv=5, method="predict_proba")[:, 1]
        return roc_auc_score(fake[rows], scores)

    kept = match_by_score(COLUMNS, values, fake, np.arange(1200), seed=0)
    assert fake[kept].sum() == (~fake[kept]).sum() > 100
    assert auc(np.ones(1200, bool)) > 0.85
    assert auc(kept) < 0.58
    again = match_by_score(COLUMNS, values, fake, np.arange(1200), seed=0)
    assert (again == kept).all()


def test_match_by_score_without_overlap():
    fake = np.arange(400) % 2 == 0
    values = np.random.default_rng(0).normal(0, 1, (400, 2)) + 50 * fake[:, None]
    with pytest.raises(InputError, match="size, tilt"):
        match_by_score(COLUMNS, values, fake, np.arange(400))
    with pytest.raises(InputError, match="all real"):
        match_by_score(COLUMNS, values, np.zeros(400, bool), np.arange(400))


def test_match_by_value_equal_numbers():
    values = np.repeat([0, 1, 2, -1], [60, 40, 30, 20])
    fake = np.concatenate([np.arange(60) < 20, np.arange(40) < 40, np.arange(30) < 29, np.arange(20) < 10])
    kept = match_by_value(values, fake)
    counts = {
        v: (int((kept & fake & (values == v)).sum()), int((kept & ~fake & (values == v)).sum())) for v in (0, 1, 2, -1)
    }
    assert counts == {0: (20, 20), 1: (0, 0), 2: (1, 1), -1: (10, 10)}
    with pytest.raises(InputError, match="share a source"):
        match_by_value(values[60:], fake[60:])
