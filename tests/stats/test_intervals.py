"""Closed-form intervals of shares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from aletheia.stats.intervals import clustered_rate, wilson


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (37, 1000)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_is_scipys(hits, n, level):
    wanted = binomtest(hits, n).proportion_ci(level, method="wilson")
    assert wilson(hits, n, level) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_nothing_is_known_without_rows():
    assert wilson(0, 0) == (0.0, 1.0)
    rate = clustered_rate(np.zeros(0, dtype=bool), np.zeros(0, dtype=int))
    assert np.isnan([rate.value, rate.low, rate.high]).all() and rate.n == 0


def test_rows_of_their_own_give_wilsons_interval():
    hits = np.random.default_rng(0).random(500) < 0.3
    rate = clustered_rate(hits, np.arange(500))
    assert (rate.low, rate.high) == pytest.approx(wilson(hits.sum(), 500), abs=2e-3)


def test_copies_are_no_evidence():
    hits = np.random.default_rng(0).random(100) < 0.3
    single = clustered_rate(hits, np.arange(100))
    copies = clustered_rate(np.repeat(hits, 10), np.repeat(np.arange(100), 10))
    assert (copies.value, copies.n) == (single.value, 1000)
    assert (copies.low, copies.high) == pytest.approx((single.low, single.high), abs=2e-3)


def test_no_errors_count_the_groups():
    rate = clustered_rate(np.zeros(100, dtype=bool), np.arange(100) // 10)
    assert (rate.low, rate.high) == pytest.approx(wilson(0, 10))
    lone = clustered_rate(np.array([True, False, True, True]), np.zeros(4, dtype=int))
    assert (lone.low, lone.high) == pytest.approx(wilson(0.75, 1))


def test_coverage_with_groups():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        shares = rng.beta(2, 6, 40)  # 40 people who differ; the mean is 0.25
        hits = (rng.random((40, 15)) < shares[:, None]).ravel()
        rate = clustered_rate(hits, np.repeat(np.arange(40), 15))
        covered += rate.low <= 0.25 <= rate.high
    assert 0.91 <= covered / 300 <= 0.985
