"""Closed-form intervals of shares, for rows that come in groups."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from aletheia.core.arrays import Array
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
        (n,) int, the unit that was sampled.
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
    _, index = np.unique(groups, return_inverse=True)
    size = np.bincount(index).astype(np.float64)
    hit = np.bincount(index, weights=np.asarray(hits, dtype=np.float64))
    k, share = len(size), float(hit.sum() / n)
    extreme = float(np.sum(size**2)) / n
    seen = int(min((hit > 0).sum(), (hit < size).sum()))
    design = extreme
    if seen and k > 1:
        variance = k / (k - 1) * np.sum((hit - share * size) ** 2) / n**2
        estimated = max(1.0, variance / (share * (1 - share) / n))
        design = (seen * estimated + extreme) / (seen + 1)
    low, high = wilson(share * n / design, n / design, level)
    return Estimate(share, low, high, n)


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
