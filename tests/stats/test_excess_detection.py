"""Bets that more goes wrong than expected: their fairness, their rate of false alarms, and their edges."""

from __future__ import annotations

import numpy as np
import pytest

from aletheia.stats.excess_detection import EXCESSES, detect_excess


def test_against_a_direct_computation():
    """The recursion of Shiryaev and Roberts, unrolled: a sum of likelihood ratios over all beginnings."""
    rng = np.random.default_rng(0)
    wrong, chance = rng.random(60) < 0.3, rng.uniform(0.05, 0.2, 60)
    for limit in (1.2, 1.5, 2.0, 3.0, 5.0, 20.0, 200.0):
        first = None
        for t in range(60):
            evidence = 0.0
            for excess in EXCESSES:
                ratio = np.where(wrong, (chance + excess) / chance, (1 - chance - excess) / (1 - chance))
                evidence += sum(np.prod(ratio[begin : t + 1]) for begin in range(t + 1)) / len(EXCESSES)
            if evidence >= limit:
                first = t
                break
        alarms = detect_excess(wrong, chance, limit)
        assert (alarms[0].at if alarms else None) == first
        assert first is not None


@pytest.mark.parametrize("chance", [0.02, 0.1, 0.4])
def test_false_alarms_are_no_more_frequent_than_stated(chance):
    rng, run_length = np.random.default_rng(1), 100.0
    alarms = detect_excess(rng.random(20_000) < chance, np.full(20_000, chance), run_length)
    assert len(alarms) <= 20_000 / run_length
    fewer = detect_excess(rng.random(20_000) < chance / 2, np.full(20_000, chance), run_length)
    assert len(fewer) <= len(alarms)


def test_since_when():
    wrong = np.array([False] * 300 + [True] * 10)
    (alarm, *_) = detect_excess(wrong, np.full(310, 0.05), 1000)
    assert alarm.since == 300
    assert 300 < alarm.at < 306


def test_what_was_held_for_impossible():
    """A test set without an error does not make the first error infinitely surprising."""
    assert detect_excess(np.array([True]), np.zeros(1), 1000) == []
    assert detect_excess(np.array([], bool), np.array([]), 1000) == []
    assert detect_excess(np.ones(50, bool), np.ones(50), 1000) == []
    with pytest.raises(ValueError, match="differ in length"):
        detect_excess(np.ones(2, bool), np.zeros(3), 10)
    with pytest.raises(ValueError, match=r"not in \[0, 1\]"):
        detect_excess(np.ones(1, bool), np.array([np.nan]), 10)
