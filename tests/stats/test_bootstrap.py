"""What the bootstrap offers besides `evaluate_scores`: the AUC alone, and limits where every replicate is the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aletheia.stats.bootstrap import GroupedScores, draw_counts, widen_steady
from aletheia.stats.intervals import perfect_auc_limits, wilson

_ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=30)


@settings(deadline=None, max_examples=200)
@given(_ROWS)
def test_the_auc_alone_is_that_of_the_ranking(rows):
    y, p, group = (np.array(column) for column in zip(*rows, strict=True))
    data = GroupedScores(y, p / 6, group)
    for counts in draw_counts(data.n_groups, 5, np.random.default_rng(len(rows))):
        assert data.auc(counts) == pytest.approx(data.ranking_metrics(counts)[0], abs=1e-12, nan_ok=True)


def test_no_rows_have_no_auc():
    assert np.isnan(GroupedScores(np.empty(0), np.empty(0)).auc(np.empty(0)))


def test_only_what_every_replicate_repeats_gets_other_limits():
    draws = np.array([[0.0, 0.0, 1.0], [0.0, 0.2, np.nan], [0.0, 0.1, 1.0]])
    lower, upper = widen_steady(draws, np.array([-1.0, -2.0, -3.0]), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(lower, [[-1, 0, -3], [-1, 0.2, np.nan], [-1, 0.1, -3]])
    np.testing.assert_array_equal(upper, [[1, 0, 3], [1, 0.2, np.nan], [1, 0.1, 3]])
    lower, upper = widen_steady(np.full(4, 0.5), 0.3, 0.7)
    assert lower.tolist() == [0.3] * 4 and upper.tolist() == [0.7] * 4
    assert np.isnan(widen_steady(np.full(3, np.nan), 0, 1)[0]).all()
    assert widen_steady(np.empty((0, 2)), 0, 1)[0].shape == (0, 2)


def test_a_perfect_ranking_rests_on_the_groups_of_the_smaller_class():
    y, groups = np.array([0] * 40 + [1] * 8), np.concatenate([np.arange(40) // 10, np.arange(8)])
    assert perfect_auc_limits(1.0, y, groups) == wilson(4, 4)
    assert perfect_auc_limits(0.0, y, np.arange(48), 0.9) == wilson(0, 8, 0.9)
