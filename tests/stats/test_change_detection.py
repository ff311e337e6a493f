"""Alarms on changing streams: their rate on streams that do not change, and what they say about those that do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aletheia.stats.change_detection import BETS, bet_payoffs, detect_changes, sequential_ranks


def test_bets_are_densities():
    """The guarantee rests on each of them paying 1 on average."""
    ranks = (np.arange(200_000) + 0.5) / 200_000
    payoffs = bet_payoffs(ranks)
    assert payoffs.mean(axis=0) == pytest.approx(np.ones(len(BETS)), abs=2e-3)
    for column, (a, b) in enumerate(BETS):
        assert payoffs[::997, column] == pytest.approx(stats.beta.pdf(ranks[::997], a, b))


def test_ranks_are_uniform():
    rng = np.random.default_rng(0)
    continuous = sequential_ranks(rng.normal(size=2000), rng)
    tied = sequential_ranks(rng.integers(0, 2, 2000).astype(float), rng)
    for ranks in (continuous, tied):
        assert stats.kstest(ranks, "uniform").pvalue > 0.01
        assert abs(stats.spearmanr(ranks[1:], ranks[:-1]).statistic) < 0.06
    ranks = sequential_ranks(np.array([3.0, np.nan, 5, 4]), rng)
    assert np.isnan(ranks[1])
    assert 1 / 2 <= ranks[2] <= 1
    assert 1 / 3 <= ranks[3] <= 2 / 3


def test_run_length():
    """Without a change, alarms are no more frequent than stated: over 40 streams of 5 run lengths each."""
    rng, run_length, rows = np.random.default_rng(1), 200, 1000
    alarms = 0
    for stream in range(40):
        common = rng.normal(size=rows)  # the columns depend on each other, which must not matter
        columns = {f"c{k}": common + 0.5 * rng.normal(size=rows) for k in range(4)}
        columns["flag"] = (common > 1).astype(float)
        alarms += len(detect_changes(columns, dict.fromkeys(columns, 1.0), run_length, reference=20, seed=stream))
    assert alarms <= 40 * rows / run_length
    assert alarms > 0  # it is not simply deaf


@pytest.mark.parametrize(
    ("change", "most"),
    [(lambda x: x + 2, 40), (lambda x: x - 0.7, 250), (lambda x: 3 * x, 150)],
    ids=["shift of 2", "shift of -0.7", "spread"],
)
def test_changes_are_found(change, most):
    delays = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        columns = {name: rng.normal(size=1500) for name in "abcdefgh"}
        columns["d"][700:] = change(columns["d"][700:])
        first = detect_changes(columns, dict.fromkeys(columns, 1.0), 250_000, seed=seed)[0]
        assert first.column == "d"
        assert first.share > 0.5
        assert abs(first.since - 700) < 100
        delays.append(first.at - 700)
    assert 0 < np.median(delays) < most


def test_search_starts_anew():
    """What came after an alarm is the new reference: the same state raises no second one, a return does."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=3000)
    values[1000:2000] += 3
    changes = detect_changes({"x": values}, {"x": 1.0}, 100_000)
    assert len(changes) == 2
    assert 1000 < changes[0].at < 1050
    assert 2000 < changes[1].at < 2100


def test_unknown_values_move_nothing():
    rng = np.random.default_rng(4)
    values = rng.normal(size=800)
    values[400:] += 3
    empty = np.full(800, np.nan)
    changes = detect_changes({"x": values, "never": empty}, {"x": 1.0, "never": 1.0}, 10_000)
    assert [change.column for change in changes] == ["x"]
    assert detect_changes({"never": empty}, {"never": 1.0}, 10) == []
    assert detect_changes({}, {}, 10) == []


def test_misuse():
    with pytest.raises(ValueError, match="differ in length"):
        detect_changes({"a": np.zeros(3), "b": np.zeros(4)}, {"a": 1, "b": 1}, 10)
    with pytest.raises(KeyError):
        detect_changes({"a": np.zeros(3)}, {}, 10)
