"""Closed-form intervals of shares, for rows that come in groups."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from aletheia.core.arrays import Array
from aletheia.stats.cells import Cells, count_cells
from aletheia.stats.estimate import Estimate


def wilson(hits: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Compute the score interval of a share (Wilson, JASA 22, 1927); n need not be whole. (0, 1) for n = 0."""
    low, high = wilson_limits(np.asarray(hits), np.asarray(n), level)
    return float(low), float(high)


def wilson_limits(hits: Array, n: Array, level: float = 0.95) -> tuple[Array, Array]:
    """Compute `wilson` for arrays of counts of one shape; the limits have that shape, too."""
    hits, n = np.asarray(hits, dtype=np.float64), np.asarray(n, dtype=np.float64)
    z = norm.ppf(1 - (1 - level) / 2)
    centre = (hits + z * z / 2) / (n + z * z)
    spread = np.divide(hits * (n - hits), n, out=np.zeros_like(n), where=n > 0) + z * z / 4
    half = z * np.sqrt(np.maximum(spread, 0)) / (n + z * z)
    # The limits 0 and 1 are exact when nothing or everything was hit; rounding must not say otherwise.
    low = np.where((hits == 0) | (n <= 0), 0.0, np.maximum(centre - half, 0))
    high = np.where((hits == n) | (n <= 0), 1.0, np.minimum(centre + half, 1))
    return low, high


def clustered_rate(hits: Array, groups: Array, level: float = 0.95) -> Estimate:
    """Compute the share of hits among grouped rows, with a Wilson interval on the effective number of rows.

    The design effect is estimated from the spread between groups (Rao and Scott, "A Simple Method for the
    Analysis of Clustered Binary Data", Biometrics 48, 1992). Few hits show little of that spread, and none shows
    nothing at all. So the estimate is averaged with the extreme in which each group counts as a single row, which
    weighs as much as one group with a hit (or, when hits are the rule, without one): the first hit does not lower the
    upper limit then.

    Parameters
    ----------
    hits : ndarray
        (n,) bool.
    groups : ndarray
        (n,) the unit that was sampled: numbers or names.
    level : float
        Of the interval.

    Returns
    -------
    Estimate
        NaN without rows.
    """
    n = len(hits)
    if n == 0:
        return Estimate(float("nan"), n=0)
    units = np.unique(groups, return_inverse=True)[1]
    share, low, high = clustered_rates(count_cells(hits, np.zeros(n, dtype=np.int64), units, 1), level)
    return Estimate(float(share[0]), float(low[0]), float(high[0]), n)


def clustered_rates(cells: Cells, level: float = 0.95) -> tuple[Array, Array, Array]:
    """Compute `clustered_rate` for the rows of each value of a column at once.

    Returns
    -------
    shares, low, high : ndarray
        (values,) each; NaN, 0 and 1 for a value without rows.
    """
    share, n, design = _designs(cells)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = wilson_limits(np.nan_to_num(share * n / design), np.nan_to_num(n / design), level)
    return share, low, high


def design_effect(hits: Array, groups: Array) -> float:
    """Return by how many times `clustered_rate` takes the number of rows (n,) for smaller than it is, 1 or more."""
    units = np.unique(groups, return_inverse=True)[1]
    cells = count_cells(np.asarray(hits), np.zeros(len(hits), dtype=np.int64), units, 1)
    return float(max(_designs(cells)[2][0], 1.0))


def _designs(cells: Cells) -> tuple[Array, Array, Array]:
    """Return share of hits, number of rows and design effect of each value."""
    size, hit, value = cells.size, cells.hit, cells.value

    def total(terms: Array) -> Array:
        return np.bincount(value, weights=terms, minlength=cells.n_values)

    n, k = total(size), total(np.ones(len(size)))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = total(hit) / n
        extreme = total(size**2) / n
        seen = np.minimum(total(hit > 0), total(hit < size))
        variance = k / (k - 1) * total((hit - share[value] * size) ** 2) / n**2
        estimated = np.maximum(1.0, variance / (share * (1 - share) / n))
        design = np.where((seen > 0) & (k > 1), (seen * estimated + extreme) / (seen + 1), extreme)
    return share, n, design


def perfect_auc_limits(value: float, y: Array, groups: Array, level: float = 0.95) -> tuple[float, float]:
    """Return limits for an AUC of 0 or 1, of which a bootstrap has only constant replicates.

    They are Wilson's for the smaller class, of which each group counts as a single trial.

    Parameters
    ----------
    value : float
        0 or 1.
    y : ndarray
        (n,), 1 for fake, 0 for real.
    groups : ndarray
        (n,) int, the unit that was sampled.
    level : float
        Of the interval.
    """
    units = min(len(np.unique(groups[y == 0])), len(np.unique(groups[y == 1])))
    return wilson(value * units, units, level)
