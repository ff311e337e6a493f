"""Validation of labels and probabilities, and selections of rows."""

from __future__ import annotations

import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.stats.scored_set import ScoredSet

NAN = float("nan")


@pytest.mark.parametrize(
    ("y", "p", "groups", "match"),
    [
        ([0, 1], [0.5], None, "one length"),
        ([0, 1], [0.2, 0.3], [1], "one length"),
        ([[0, 1]], [[0.2, 0.3]], None, "one length"),
        ([0, 2], [0.5, 0.5], None, "0 .real. or 1"),
        ([0, NAN], [0.5, 0.5], None, "0 .real. or 1"),
        ([0, 1], [0.5, 3.0], None, "logits"),
        ([0, 1], [-1.0, 0.3], None, "logits"),
        ([0, 1], [0.3, np.inf], None, "logits"),
    ],
)
def test_scored_set_invalid(y, p, groups, match):
    with pytest.raises(InputError, match=match):
        ScoredSet(y, p, groups=groups)


def test_scored_set_rows_by_hand():
    scored = ScoredSet([True, False, True, False], [0.6, 0.6, 0.2, NAN], 0.6)
    assert len(scored) == 4 and scored.y.tolist() == [1, 0, 1, 0]
    assert scored.fake.tolist() == [True, False, True, False]
    assert scored.is_scored.tolist() == [True, True, True, False]
    assert scored.called.tolist() == [True, True, False, False]
    assert scored.wrong.tolist()[:3] == [False, True, True]


def test_scored_set_without_rows():
    assert len(ScoredSet([], [])) == len(ScoredSet([], []).dropna()) == 0


def test_select_keeps_units_threshold_and_seed():
    scored = ScoredSet([0, 1, 1, 0], [0.1, NAN, 0.8, 0.4], 0.3, ["a", "b", "a", ""], seed=7)
    part = scored.select(np.array([2, 0]))
    assert part.p.tolist() == [0.8, 0.1] and part.ids[0] == part.ids[1] == scored.ids[0]
    assert (part.threshold, part.seed) == (0.3, 7)
    assert len(scored) == 4 and scored.dropna().p.tolist() == [0.1, 0.8, 0.4]


def test_grouped_draws_whole_units():
    scored = ScoredSet([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.4], groups=["a", "a", "b", ""], seed=1)
    data, draws = scored.grouped(), list(scored.draw_counts(5))
    assert data.n_groups == 3 and len(draws) == 5
    assert all(len(counts) == 3 and counts.sum() == 3 for counts in draws)
    np.testing.assert_array_equal(draws, list(scored.draw_counts(5)))
