from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, chi2_contingency

from aletheia.stats.cells import count_cells
from aletheia.stats.clustered_table import clustered_independence


def test_clustered_independence_single_rows_is_pearsons_test() -> None:
    rng = np.random.default_rng(0)
    y, codes = rng.integers(0, 2, 300), rng.integers(0, 4, 300)
    test = clustered_independence(count_cells(y, codes, np.arange(300), 4))
    expected = chi2_contingency(pd.crosstab(codes, y).to_numpy(), correction=False)
    assert (test.statistic, test.p, test.dof) == pytest.approx((expected.statistic, expected.pvalue, 3))
    for value in range(4):
        against_others = chi2_contingency(pd.crosstab(codes == value, y).to_numpy(), correction=False)
        assert test.p_values[value] == pytest.approx(against_others.pvalue)


def test_clustered_independence_copies_do_not_count() -> None:
    # Each picture four times: four times the statistic, and no more evidence. k / (k - 1) is the only difference.
    rng = np.random.default_rng(1)
    y, codes = rng.integers(0, 2, 400), rng.integers(0, 3, 400)
    single = chi2_contingency(pd.crosstab(codes, y).to_numpy(), correction=False)
    copied = clustered_independence(count_cells(*(np.repeat(a, 4) for a in (y, codes, np.arange(400))), 3))
    assert copied.statistic == pytest.approx(4 * single.statistic)
    assert copied.design == pytest.approx(4, rel=0.02)
    assert copied.p == pytest.approx(single.pvalue, rel=0.05)


@pytest.mark.parametrize("n_values", [2, 4])
def test_clustered_independence_agrees_with_permuted_people(n_values: int) -> None:
    # Independent of any formula: the values are handed out to the people by lot. Sizes differ.
    rng = np.random.default_rng(n_values)
    sizes = rng.integers(2, 30, 120)
    value = rng.permutation(np.arange(120) % n_values)
    fakes = rng.binomial(sizes, np.clip(rng.beta(1, 1, 120) + 0.12 * (value == 0), 0, 1))
    y = np.concatenate([np.arange(size) < count for size, count in zip(sizes, fakes, strict=True)])
    person = np.repeat(np.arange(120), sizes)
    test = clustered_independence(count_cells(y, value[person], person, n_values))

    def statistic(values: np.ndarray) -> float:
        n, k = (np.bincount(values, weights=w, minlength=n_values) for w in (sizes, fakes))
        return float(np.sum((k - y.mean() * n) ** 2 / n) / y.mean() / (1 - y.mean()))

    assert test.statistic == pytest.approx(statistic(value))
    permuted = np.array([statistic(rng.permutation(value)) for _ in range(4000)])
    assert test.p == pytest.approx((permuted >= statistic(value)).mean(), abs=0.04)
    assert test.design == pytest.approx(permuted.mean() / (n_values - 1), rel=0.15)
    assert chi2.sf(test.statistic, n_values - 1) < test.p / 5


def test_clustered_independence_one_group_says_nothing() -> None:
    test = clustered_independence(count_cells(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), np.zeros(4, int), 2))
    assert np.isnan(test.p)
    assert np.isnan(test.p_values).all()
