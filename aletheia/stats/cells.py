"""Rows and hits of each value of a column within each group of rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aletheia.core.arrays import Array
from aletheia.stats.categorical import renumber


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
    used, index = renumber(codes * n_groups + groups, n_values * n_groups)
    size = np.bincount(index).astype(np.float64)
    hit = np.bincount(index, weights=np.asarray(hits, dtype=np.float64))
    return Cells(used // n_groups, used % n_groups, size, hit, n_values, n_groups)
