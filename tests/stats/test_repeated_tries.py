"""Levels of repeated tests, and the flattery of the best of several."""

from __future__ import annotations

import numpy as np
import pytest

from aletheia.stats.repeated_tries import spent_alpha, winners_optimism


def test_spent_alpha_sums_to_alpha():
    levels = [spent_alpha(0.05, k) for k in range(1, 100_001)]
    assert levels[0] == 0.025 and sum(levels) == pytest.approx(0.05, rel=1e-4) and sum(levels) < 0.05


@pytest.mark.parametrize("number", [2, 5, 20])
def test_winners_optimism_of_independent_scores(number):
    best = np.random.default_rng(number).normal(0, 0.02, (200_000, number)).max(axis=1)
    assert winners_optimism(0.02, number) == pytest.approx(best.mean(), abs=3e-4)
    assert winners_optimism(0.02, 2) == pytest.approx(0.02 / np.sqrt(np.pi))  # in closed form


def test_winners_optimism_of_one_model():
    assert winners_optimism(0.02, 1) == 0
