"""Closed-form intervals of shares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from aletheia.stats.intervals import clustered_rate, design_effect, perfect_auc_limits, wilson, wilson_limits


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (37, 1000)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_matches_scipy(hits, n, level):
    expected = binomtest(hits, n).proportion_ci(level, method="wilson")
    assert wilson(hits, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_limits_are_those_of_each_count():
    hits, n = np.array([0, 0, 5, 3.5]), np.array([0, 7, 5, 20.5])
    low, high = wilson_limits(hits, n)
    assert [*zip(low, high, strict=True)] == [wilson(h, m) for h, m in zip(hits, n, strict=True)]
    assert (low[0], high[0]) == (0, 1)


def test_clustered_rate_without_rows():
    assert wilson(0, 0) == (0.0, 1.0)
    rate = clustered_rate(np.zeros(0, dtype=bool), np.zeros(0, dtype=int))
    assert np.isnan([rate.value, rate.low, rate.high]).all() and rate.n == 0


def test_clustered_rate_single_rows_match_wilson():
    hits = np.random.default_rng(0).random(500) < 0.3
    rate = clustered_rate(hits, np.arange(500))
    assert (rate.low, rate.high) == pytest.approx(wilson(hits.sum(), 500), abs=2e-3)


def test_clustered_rate_copies():
    hits = np.random.default_rng(0).random(100) < 0.3
    single = clustered_rate(hits, np.arange(100))
    copies = clustered_rate(np.repeat(hits, 10), np.repeat(np.arange(100), 10))
    assert (copies.value, copies.n) == (single.value, 1000)
    assert (copies.low, copies.high) == pytest.approx((single.low, single.high), abs=2e-3)


def test_clustered_rate_constant_counts_groups():
    rate = clustered_rate(np.zeros(100, dtype=bool), np.arange(100) // 10)
    assert (rate.low, rate.high) == pytest.approx(wilson(0, 10))
    single = clustered_rate(np.array([True, False, True, True]), np.zeros(4, dtype=int))
    assert (single.low, single.high) == pytest.approx(wilson(0.75, 1))


def test_clustered_rate_coverage():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        shares = rng.beta(2, 6, 40)  # 40 people who differ; the mean is 0.25
        hits = (rng.random((40, 15)) < shares[:, None]).ravel()
        rate = clustered_rate(hits, np.repeat(np.arange(40), 15))
        covered += rate.low <= 0.25 <= rate.high
    assert 0.91 <= covered / 300 <= 0.985


def test_perfect_auc_limits_rest_on_groups_of_smaller_class():
    y, groups = np.array([0] * 40 + [1] * 8), np.concatenate([np.arange(40) // 10, np.arange(8)])
    assert perfect_auc_limits(1.0, y, groups) == wilson(4, 4)
    assert perfect_auc_limits(0.0, y, np.arange(48), 0.9) == wilson(0, 8, 0.9)


def test_design_effect_of_copies_and_of_independent_rows():
    hits = np.random.default_rng(0).random(400) < 0.3
    assert design_effect(np.repeat(hits, 5), np.repeat(np.arange(400), 5)) == pytest.approx(5, rel=0.05)
    assert design_effect(hits, np.arange(400)) == pytest.approx(1, abs=0.05)
