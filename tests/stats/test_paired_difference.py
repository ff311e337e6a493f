"""Interval and one-sided test of a difference, against scipy's paired t-test."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_rel

from aletheia.stats.paired_difference import PairedDifference, two_sided_quantile


def test_is_the_paired_t_test():
    rng = np.random.default_rng(3)
    first, second = rng.normal(0.0, 1, 40), rng.normal(0.2, 1, 40)
    change = second - first
    found = PairedDifference(change.mean() / 10, change.std(ddof=1) / math.sqrt(40) / 10, 39)
    for margin in (0.0, -0.02, 0.05):
        expected = ttest_rel(second - 10 * margin, first, alternative="greater").pvalue
        assert found.p_value(margin) == pytest.approx(expected)
    expected = ttest_rel(second, first).confidence_interval(0.9)
    assert (found.estimate(0.9).low * 10, found.estimate(0.9).high * 10) == pytest.approx(tuple(expected))


def test_without_a_standard_error_there_is_neither():
    found = PairedDifference(0.3, math.nan, 4)
    assert math.isnan(found.p_value()) and not found.estimate().has_interval


def test_without_any_spread_it_is_certain():
    assert PairedDifference(0.1, 0.0, 9).p_value() == 0.0
    assert PairedDifference(0.0, 0.0, 9).p_value() == 1.0
    assert two_sided_quantile(0.95, 10**6) == pytest.approx(1.96, abs=1e-3)
