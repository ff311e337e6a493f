"""Rows and hits of each value of a column within each group of rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aletheia.core.arrays import Array


class Cells(NamedTuple):
    """Counts of the cells, one a pair of value and group that occurs.

    Attributes
    ----------
    value, group : ndarray
        (cells,) int, from 0 on.
    size, hit : ndarray
        (cells,) float64, rows and hits.
    n_values, n_groups : int
        Values, and groups.
    """

    value: Array
    group: Array
    size: Array
    hit: Array
    n_values: int
    n_groups: int

    def of_values(self, n_values: int) -> Cells:
        """Return the cells of the first values alone."""
        chosen = self.value < n_values
        parts = (self.value[chosen], self.group[chosen], self.size[chosen], self.hit[chosen])
        return Cells(*parts, n_values, self.n_groups)


def count_cells(hits: Array, codes: Array, groups: Array, n_values: int) -> Cells:
    """Count the rows and the hits of each value within each group.

    Parameters
    ----------
    hits : ndarray
        (n,) bool.
    codes : ndarray
        (n,) int, 0 to `n_values` - 1: the value of each row.
    groups : ndarray
        (n,) int, the unit that was sampled.
    n_values : int
        Number of values.
    """
    groups = np.asarray(groups)
    if len(groups) and (groups.min() < 0 or groups.max() > 10 * len(groups)):
        groups = np.unique(groups, return_inverse=True)[1]
    n_groups = int(groups.max(initial=-1)) + 1
    pair, pairs = codes * n_groups + groups, np.arange(n_values * n_groups)
    if len(pairs) > 10 * len(groups) + 1000:
        pairs, pair = np.unique(pair, return_inverse=True)
    counts = np.bincount(2 * pair + np.asarray(hits, dtype=bool), minlength=2 * len(pairs)).reshape(-1, 2)
    used = np.flatnonzero(counts[:, 0] | counts[:, 1])
    pairs, misses, hit = pairs[used], counts[used, 0].astype(np.float64), counts[used, 1].astype(np.float64)
    return Cells(pairs // n_groups, pairs % n_groups, misses + hit, hit, n_values, n_groups)
