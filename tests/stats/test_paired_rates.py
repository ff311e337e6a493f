"""The difference of two shares on the same grouped rows, against scipy's paired t-test and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_rel

from aletheia.stats.paired_rates import compare_rates


def test_one_row_a_group_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    first, second = rng.random(200) < 0.7, rng.random(200) < 0.8
    found = compare_rates(first, second, np.arange(200)).estimate()
    expected = ttest_rel(second.astype(float), first.astype(float)).confidence_interval(0.95)
    assert found.value == pytest.approx(second.mean() - first.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_interval_holds_the_truth_for_groups():
    """20 groups of 15 rows whose members are mended or broken together: about 95 of 100 intervals hold the truth."""
    rng, held, trials = np.random.default_rng(1), 0, 1000
    groups = np.repeat(np.arange(20), 15)
    for _ in range(trials):
        mended = rng.beta(1.0, 4.0, 20)[groups] > rng.random(300)  # 20 % on average, by group more or less
        found = compare_rates(np.zeros(300, bool), mended, groups).estimate()
        held += found.low <= 0.2 <= found.high
    assert 0.91 <= held / trials <= 0.98  # that of rows taken as independent holds it 62 times of 100


def test_few_groups_have_no_interval_and_no_rows_no_value():
    found = compare_rates(np.array([True] * 7), np.array([False] * 7), np.arange(7)).estimate()
    assert found.value == -1.0 and not found.has_interval
    assert math.isnan(compare_rates(np.zeros(0, bool), np.zeros(0, bool), np.zeros(0, int)).value)
    same = compare_rates(np.ones(20, bool), np.ones(20, bool), np.arange(20)).estimate()
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def test_one_sided_test_keeps_its_level_for_few_groups():
    """Two models that are right equally often, on 8 people with 5 faces each, who are alike: 1.25 % are asked for."""
    rng, groups, trials, found = np.random.default_rng(2), np.repeat(np.arange(8), 5), 4000, 0
    for _ in range(trials):
        u = np.where(rng.random(40) < 0.8, rng.random(8)[groups], rng.random(40))
        found += compare_rates(u >= 0.3, (u < 0.3) | (u >= 0.6), groups).p_value() < 0.0125
    assert found / trials <= 0.0125 + 3 * math.sqrt(0.0125 / trials)
