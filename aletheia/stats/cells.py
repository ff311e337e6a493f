"""Rows and hits of each value of a column within each group of rows."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from aletheia.core.arrays import Array
from aletheia.stats.categorical import rows_by_code

_TABLE = 1 << 18  # pairs of value and group that are counted at a time: their counts stay in the processor's cache


class Cells(NamedTuple):
    """Counts of the cells, one a pair of value and group that occurs.

    Attributes
    ----------
    value, group : ndarray
        (cells,) int32, from 0 on.
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
        if chosen.all():  # no second copy of as many cells as there are rows
            return self._replace(n_values=n_values)
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
        (n,) int, the unit that was sampled; in ascending order it is counted several times as fast.
    n_values : int
        Number of values.

    Returns
    -------
    Cells
        In order of their groups, and of their values in each.
    """
    hits, groups = np.asarray(hits, dtype=bool), np.asarray(groups)
    if len(groups) and (groups.min() < 0 or groups.max() > 10 * len(groups)):
        groups = np.unique(groups, return_inverse=True)[1]
    n_groups = int(groups.max(initial=-1)) + 1
    if (groups[1:] < groups[:-1]).any():
        order = rows_by_code(groups, n_groups)
        hits, codes, groups = hits[order], codes[order], groups[order]
    is_sparse = n_values * n_groups > 10 * len(groups) + 1000
    step = max(n_groups if is_sparse else _TABLE // n_values, 1)
    edges = np.searchsorted(groups, np.arange(0, max(n_groups, 1) + step, step))
    blocks = [slice(first, last) for first, last in itertools.pairwise(edges)]
    parts = [_count_block(hits[rows], codes[rows], groups[rows], n_values, is_sparse) for rows in blocks]
    fields = [list(pieces) for pieces in zip(*parts, strict=True)]
    del parts
    # The pieces of each are freed before the next are joined: an intersection of ten million rows has as many cells.
    value, group, size, hit = (np.concatenate(fields.pop(0)) for _ in range(4))
    return Cells(value, group, size, hit, n_values, n_groups)


def _count_block(hits: Array, codes: Array, groups: Array, n_values: int, is_sparse: bool) -> tuple[Array, ...]:
    """Count the cells of rows in order of their groups: value, group, size and hits of each, in order of group."""
    start = int(groups[0]) if len(groups) else 0
    pair = (groups - start) * n_values + codes
    pairs = np.empty(0, dtype=np.int64)
    if is_sparse:
        pairs, pair = np.unique(pair, return_inverse=True)
    size, hit = np.bincount(pair), np.bincount(pair[hits], minlength=int(pair.max(initial=-1)) + 1)
    used = np.flatnonzero(size)
    pairs = pairs if is_sparse else used
    value, group = (pairs % n_values).astype(np.int32), (pairs // n_values + start).astype(np.int32)
    return value, group, size[used].astype(np.float64), hit[used].astype(np.float64)
