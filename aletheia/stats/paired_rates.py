"""Difference of two shares on the same rows, which come in groups."""

from __future__ import annotations

import numpy as np

from aletheia.core.arrays import Array
from aletheia.stats.clustered_auc import MIN_GROUPS
from aletheia.stats.paired_difference import PairedDifference


def compare_rates(first: Array, second: Array, groups: Array) -> PairedDifference:
    """Return the share of hits in the second minus that in the first, both of the same rows.

    The variance is that of a ratio of group totals, between groups (Cochran, *Sampling Techniques*, 3rd ed. 1977,
    section 9A; of one row a group it is the paired t-test's), with one degree of freedom less than there are groups.

    Parameters
    ----------
    first, second : ndarray
        (n,) bool, of the same rows.
    groups : ndarray
        (n,) the unit that was sampled: numbers or names.

    Returns
    -------
    PairedDifference
        From -1 to 1. NaN without rows; without a standard error where there are fewer groups than
        `aletheia.stats.clustered_auc.MIN_GROUPS`.
    """
    nan, n = float("nan"), len(first)
    if not n:
        return PairedDifference(nan, nan, 0)
    change = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    value = float(change.mean())
    unit = np.unique(groups, return_inverse=True)[1]
    sizes, k = np.bincount(unit), int(unit.max()) + 1
    if k < MIN_GROUPS:
        return PairedDifference(value, nan, k - 1)
    residuals = np.bincount(unit, weights=change) - value * sizes
    return PairedDifference(value, float(np.sqrt(k / (k - 1) * (residuals**2).sum()) / n), k - 1)
