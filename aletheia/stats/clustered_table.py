"""Independence of a column and a binary label, for rows that come in groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import chi2

from aletheia.core.arrays import Array
from aletheia.stats.cells import Cells


@dataclass(frozen=True)
class ClusteredTest:
    """Outcome of `clustered_independence`.

    Attributes
    ----------
    statistic : float
        Pearson's chi-squared of the table, rows counted as if they were independent.
    design : float
        Mean generalised design effect: how many times larger the statistic is by chance than it would be for
        independent rows.
    dof : float
        Degrees of freedom of the corrected statistic, not whole for grouped rows.
    p : float
        Probability of a statistic as large if column and label are independent.
    p_values : (values,) ndarray
        The same for each value of the column against all others.
    """

    statistic: float
    design: float
    dof: float
    p: float
    p_values: Array


def clustered_independence(cells: Cells) -> ClusteredTest:
    """Test whether a label is independent of a column, when the rows of a group resemble each other.

    Pearson's statistic with the second-order correction of Rao and Scott ("On Chi-Squared Tests for Multiway
    Contingency Tables with Cell Proportions Estimated from Survey Data", Annals of Statistics 12, 1984). The
    covariances of the counts are estimated from the spread between groups around the common share, as the null
    hypothesis has it (the score form; around the shares of the values few groups would spread too little). With one row
    a group it is Pearson's test.

    Parameters
    ----------
    cells : Cells
        Of the rows of a column with two values or more, each with some rows; hits and others both occur.

    Returns
    -------
    ClusteredTest
        With NaN for the p-values when all rows are one group.
    """
    sizes = np.bincount(cells.value, weights=cells.size, minlength=cells.n_values)
    n, share = float(sizes.sum()), float(cells.hit.sum() / sizes.sum())
    residuals = cells.hit - share * cells.size
    excess = np.bincount(cells.value, weights=residuals, minlength=cells.n_values)
    variance = sizes * share * (1 - share)  # of a value's count, up to the share of all rows that it has
    statistic = float(np.sum(excess**2 / variance))
    if len(cells.size) == n and _count_groups(cells) == n:
        dof = len(sizes) - 1
        p_values = chi2.sf(excess**2 * n / (variance * (n - sizes)), 1)
        return ClusteredTest(statistic, 1.0, float(dof), float(chi2.sf(statistic, dof)), p_values)
    covariance = _covariance(cells, residuals, sizes / n)
    effects = covariance / variance[:, None]
    first, second = float(np.trace(effects)), float(np.sum(effects * effects.T))
    if not second > 0:
        nan = float("nan")
        return ClusteredTest(statistic, nan, nan, nan, np.full(len(sizes), nan))
    own = np.diagonal(covariance)
    ratio = np.divide(excess**2, own, out=np.full(len(sizes), np.nan), where=own > 0)
    p = float(chi2.sf(statistic * first / second, first**2 / second))
    return ClusteredTest(statistic, first / (len(sizes) - 1), first**2 / second, p, chi2.sf(ratio, 1))


def _count_groups(cells: Cells) -> int:
    """Count the groups that have rows."""
    return int(np.count_nonzero(np.bincount(cells.group)))


def _covariance(cells: Cells, residuals: Array, weights: Array) -> Array:
    """Estimate the covariance (values, values) of the excess of hits of the values, of which `weights` are shares."""
    k = _count_groups(cells)
    if k < 2:
        return np.zeros((cells.n_values, cells.n_values))
    # Most groups have rows of one or two values: products of the cells that occur, not of a dense table.
    table = csr_matrix((residuals, (cells.group, cells.value)), shape=(cells.n_groups, cells.n_values))
    totals = np.bincount(cells.group, weights=residuals, minlength=cells.n_groups)
    crossed = np.asarray(table.T @ totals)
    product = (table.T @ table).toarray()
    product -= np.outer(crossed, weights) + np.outer(weights, crossed)
    covariance: Array = k / (k - 1) * (product + totals @ totals * np.outer(weights, weights))
    return covariance
