"""Oracles: integrals by quadrature, all sequences one by one, and drawn ones."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from aletheia.stats.anytime_sign_test import (
    ANSWERS,
    BETTER,
    EQUIVALENT,
    OPEN,
    WORSE,
    AnytimeSignTest,
    log_e_value,
)

TEST = AnytimeSignTest()


def by_quadrature(wins: int, losses: int, bound: float, prior: float) -> float:
    """The mixture's likelihood ratio, from the densities themselves."""
    weight = stats.beta(prior, prior)

    def ratio(theta: float) -> float:
        return (theta / bound) ** wins * ((1 - theta) / (1 - bound)) ** losses * weight.pdf(theta)

    return integrate.quad(ratio, bound, 1)[0] / weight.sf(bound)


@pytest.mark.parametrize("prior", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("bound", [0.4, 0.5, 0.6])
@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (0, 1), (7, 3), (3, 7), (40, 20)])
def test_e_value_is_the_integral(wins, losses, bound, prior):
    assert math.exp(log_e_value(wins, losses, bound, prior)) == pytest.approx(
        by_quadrature(wins, losses, bound, prior), rel=1e-6
    )


def test_e_value_of_one_pair_by_hand():
    """With a flat weight above 1/2: 2 ∫ 2θ dθ = 3/2 after a win, 1/2 after a loss; their mean is 1."""
    assert math.exp(log_e_value(1, 0, 0.5, 1.0)) == pytest.approx(1.5)
    assert math.exp(log_e_value(0, 1, 0.5, 1.0)) == pytest.approx(0.5)


@pytest.mark.parametrize("bound", [0.4, 0.5])
def test_martingale_at_the_bound(bound):
    """The expectation of the next e-value is the present one if θ is the bound, and not more if it is below."""
    for wins, losses in itertools.product(range(9), repeat=2):
        now = math.exp(log_e_value(wins, losses, bound))
        up, down = math.exp(log_e_value(wins + 1, losses, bound)), math.exp(log_e_value(wins, losses + 1, bound))
        assert bound * up + (1 - bound) * down == pytest.approx(now, rel=1e-9)
        assert 0.9 * bound * up + (1 - 0.9 * bound) * down <= now


@pytest.fixture(scope="module")
def every_sequence():
    """All sequences of ten pairs, each decided by itself; limits are loose, so that each answer is among them."""
    test = AnytimeSignTest(alpha=0.6, effect=0.3)
    sequences = [np.array(sequence) for sequence in itertools.product([True, False], repeat=10)]
    return test, [(int(sequence.sum()), test.decide(sequence)) for sequence in sequences]


@pytest.mark.parametrize("theta", [0.5, 0.7, 0.3])
def test_characteristics_equal_all_sequences(every_sequence, theta):
    test, decided = every_sequence
    expected, ended = dict.fromkeys((*ANSWERS, OPEN), 0.0), np.zeros(11)
    for wins, decision in decided:
        weight = theta**wins * (1 - theta) ** (10 - wins)
        expected[decision.answer] += weight
        ended[decision.pairs] += weight * (decision.answer != OPEN)
    found = test.operating_characteristics(theta, 10)
    assert found.probability == pytest.approx({name: expected[name] for name in ANSWERS})
    reached = np.flatnonzero(ended.cumsum() >= 0.5)
    assert found.median == (reached[0] if len(reached) else math.inf)
    assert all(weight > 0.001 for weight in expected.values())


def test_ville_bound_holds_exactly():
    """Without a difference a direction is found with at most alpha; with the effect "no difference" with at most it."""
    none, effect = (TEST.operating_characteristics(theta, 3000).probability for theta in (0.5, 0.6))
    assert none[BETTER] == pytest.approx(none[WORSE]) and 0.01 < none[BETTER] <= 0.025
    assert effect[EQUIVALENT] <= 0.05 and effect[WORSE] <= 0.025
    assert effect[BETTER] > 0.95 and none[EQUIVALENT] > 0.95


def test_characteristics_equal_drawn_sequences():
    draws = np.random.default_rng(0).random((600, 300)) < 0.65
    decisions = [TEST.decide(row) for row in draws]
    found = TEST.operating_characteristics(0.65, 300)
    share = np.mean([decision.answer == BETTER for decision in decisions])
    assert abs(share - found.probability[BETTER]) < 4 * math.sqrt(0.25 / 600)
    ended = np.mean([decision.answer != OPEN and decision.pairs <= found.median for decision in decisions])
    assert 0.5 - 4 * math.sqrt(0.25 / 600) < ended < 0.5 + 4 * math.sqrt(0.25 / 600) + 0.05


def test_first_answer_stays():
    decision = TEST.decide([True] * 30 + [False] * 200)
    assert decision == TEST.decide([True] * 30) and decision.answer == BETTER
    assert TEST.decide([False] * 30) == (WORSE, decision.pairs)
    assert TEST.decide([]) == (OPEN, 0) and TEST.decide([True]) == (OPEN, 1)
    assert TEST.decide([True, False] * 400).answer == EQUIVALENT


def test_e_values_are_relative_to_what_is_wanted():
    """The answer is there exactly when its value reaches 1; scipy's e-value against 1/2 is the quadrature's."""
    pairs = TEST.decide([True] * 30).pairs
    assert TEST.e_values(pairs, 0)[BETTER] >= 1 > TEST.e_values(pairs - 1, 0)[BETTER]
    assert TEST.e_values(6, 1)[BETTER] == pytest.approx(by_quadrature(6, 1, 0.5, 2.0) * 0.025, rel=1e-6)
    assert TEST.e_values(10_000, 0)[BETTER] > 1e300


def test_interval_holds_theta_at_all_moments():
    rng, missed, interval = np.random.default_rng(1), 0, functools.cache(TEST.interval)
    for _ in range(100):
        won = np.cumsum(rng.random(60) < 0.7)
        intervals = [interval(int(w), n - int(w)) for n, w in enumerate(won, 1)]
        missed += not all(low <= 0.7 <= high for low, high in intervals)
    assert missed <= 100 * 0.05 + 4 * math.sqrt(100 * 0.05 * 0.95)
    low, high = TEST.interval(30, 10)
    assert low < 0.75 < high and TEST.interval(0, 0) == (0.0, 1.0)
    assert TEST.interval(0, 40)[0] == 0.0 and TEST.interval(40, 0)[1] == 1.0
    for theta in (low, high):  # where two-sided evidence is exactly what is wanted
        ratio = integrate.quad(lambda t: t**30 * (1 - t) ** 10 * stats.beta(2, 2).pdf(t), 0, 1)[0]
        assert ratio / (theta**30 * (1 - theta) ** 10) == pytest.approx(20, rel=1e-5)


def test_pairs_wanted():
    assert TEST.pairs_wanted(0.6) == TEST.operating_characteristics(0.6, 1000).median
    assert TEST.pairs_wanted(0.7) < TEST.pairs_wanted(0.6) < 250
    assert TEST.pairs_wanted(0.7, wins=20, losses=10) < TEST.pairs_wanted(0.7)
    assert TEST.pairs_wanted(0.5, horizon=50) == math.inf


@pytest.mark.parametrize("values", [{"alpha": 0}, {"alpha": 1}, {"effect": 0}, {"effect": 0.5}, {"prior": 0}])
def test_refuses(values):
    (name,) = values
    with pytest.raises(ValueError, match=name):
        AnytimeSignTest(**values)
