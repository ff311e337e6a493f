"""The promise of conformal limits, against the beta-binomial distribution and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import betabinom, binom

from aletheia.stats.conformal_coverage import (
    Held,
    conformal_rank,
    held_rows,
    judge_promise,
    promise_p_value,
)
from aletheia.stats.intervals import design_effect


@pytest.mark.parametrize("covered", [0, 30, 44, 49])
def test_promise_p_value_of_independent_rows_is_beta_binomial(covered):
    hits, own = np.arange(50) < covered, np.arange(50)
    # Of 99 validation rows 90 lie within the limit: the coverage is Beta(90, 10).
    p = promise_p_value(hits, own, 0.9, Held(90, 9))
    # The design effect of rows of their own is m / (m - 1), not 1.
    assert p == pytest.approx(betabinom.cdf(covered, 50, 90, 10), abs=0.003)
    assert promise_p_value(hits, own, 0.9) == pytest.approx(binom.cdf(covered, 50, 0.9), abs=0.003)


def test_promise_p_value_at_its_ends():
    own = np.arange(20)
    assert promise_p_value(np.ones(20, bool), own, 0.9, Held(9, 1)) == 1
    assert math.isnan(promise_p_value(np.ones(0, bool), own[:0], 0.9))


def test_held_rows_by_hand():
    scores = np.arange(19.0)
    # ceil(20 * 0.9) = 18th of 19; nine rows are too few for 0.05.
    assert held_rows(scores, np.arange(19), 0.1) == pytest.approx((18, 1), rel=1 / 19)
    assert held_rows(scores[:9], np.arange(9), 0.05) is None and conformal_rank(9, 0.05) == 10
    # One person holds all that lies beyond: the rows count as fewer.
    groups = np.repeat(np.arange(10), 4)
    within, beyond = held_rows(np.arange(40.0), groups, 0.1)
    effect = design_effect(np.arange(40) < 37, groups)
    assert effect > 2 and within == pytest.approx(37 / effect) and beyond == pytest.approx(3 / effect)
    # Equal scores are ranked in some order.
    assert held_rows(np.zeros(19), np.arange(19), 0.1) == held_rows(scores, np.arange(19), 0.1)


def test_promise_is_said_to_be_broken_in_few_honest_cases_and_most_broken_ones():
    """24 validation and 24 test people of ten pictures each; without the scatter of the limits 8 % would be refused."""
    rng, groups, refused = np.random.default_rng(0), np.repeat(np.arange(24), 10), []
    for _ in range(300):
        own, new = (rng.normal(0, 0.55, 24)[groups] + rng.normal(0, 0.84, 240) for _ in range(2))
        limit, held = np.sort(own)[conformal_rank(240, 0.1) - 1], held_rows(own, groups, 0.1)
        # Moved by so much, a limit that covers .9 covers .7.
        cases = ((new, held), (new, None), (new + 0.757, held))
        refused.append([promise_p_value(scores <= limit, groups, 0.9, known) < 0.025 for scores, known in cases])
    honest, ignored, broken = np.mean(refused, axis=0)
    assert honest <= 0.025 + 0.015 and broken > 0.8
    assert ignored > 2 * honest


@pytest.mark.parametrize(
    ("covered", "p_value", "sizes", "kept", "reason"),
    [
        (0.60, 0.02, {}, False, ""),
        (0.60, 0.02, {"limits_from": 3, "groups": 4}, False, ""),  # refuted is refuted
        (0.866, 0.3, {"limits_from": 20, "groups": 30}, True, ""),
        (0.85, 0.3, {}, True, ""),
        (0.849, 0.3, {"limits_from": 20, "groups": 30}, None, "exclude chance (p 0.300)"),
        (0.595, 0.25, {"limits_from": 4.2, "groups": 30}, None, "equivalent of 4 independent validation faces"),
        (1.0, 1.0, {"limits_from": 7.9}, None, "equivalent of 8 independent validation faces"),
        (1.0, 1.0, {"limits_from": 8, "groups": 7}, None, "of 7 independent groups"),
        (math.nan, math.nan, {"groups": 0}, None, "there are none"),
    ],
)
def test_judge_promise_tells_kept_from_not_refuted(covered, p_value, sizes, kept, reason):
    judged, why = judge_promise(covered, 0.9, p_value, **sizes)
    assert judged is kept and reason in why and bool(why) == (kept is None)
