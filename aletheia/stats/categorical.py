"""Codes, cross tables and association of text columns, fast enough for a million rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals
from scipy.sparse import csr_matrix

from aletheia.core.arrays import Array


def encode(column: pd.Series) -> tuple[Array, Array]:
    """Encode a text column as whole numbers, -1 where the text is empty.

    Returns
    -------
    codes : np.ndarray
        int64, shape (n,), -1 to k - 1.
    values : np.ndarray
        str objects, shape (k,), that the codes stand for; in alphabetical order when there are at most 1,000, in order
        of first appearance otherwise.
    """
    is_coded = isinstance(column.dtype, pd.CategoricalDtype)
    if is_coded:
        codes, values = column.cat.codes.to_numpy(), column.cat.categories.to_numpy(dtype=object)
    else:
        codes, values = pd.factorize(column.to_numpy())
    values = np.asarray(values, dtype=object)
    used = np.zeros(len(values) + 1, dtype=bool)
    used[codes] = True
    order = np.flatnonzero(used[:-1] & (values != ""))
    if len(order) <= 1000:
        order = np.array(sorted(order, key=lambda i: str(values[i])), dtype=np.int64)
    elif is_coded:  # its categories may be in any order
        order = order[np.argsort(first_rows(codes, len(values))[order])]
    renumber = np.full(len(values) + 1, -1, dtype=np.int64)  # the last one stands for missing, code -1
    renumber[order] = np.arange(len(order))
    return renumber[codes], values[order]


def first_rows(codes: Array, size: int) -> Array:
    """Find the first row of each code: int64, shape (size,); the number of rows for a code that does not occur.

    ``codes`` is of shape (n,), whole numbers from -1 on.
    """
    first = np.full(size + 1, len(codes), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)  # of several assignments to a place the last one holds
    return first[:size]


def rows_by_code(codes: Array, size: int) -> Array:
    """Sort rows by their codes, stably: int32, shape (n,).

    ``codes`` is of shape (n,), whole numbers from 0 to ``size`` - 1. The transpose of a sparse matrix with one entry a
    row is a counting sort, six times as fast as argsort.
    """
    n = len(codes)
    starts = np.arange(n + 1, dtype=np.int32)
    by_code = csr_matrix((np.ones(n, dtype=np.bool_), codes, starts), shape=(n, size)).tocsc()
    rows: Array = by_code.indices
    return rows


def renumber(codes: Array, size: int) -> tuple[Array, Array]:
    """Renumber codes without gaps.

    Parameters
    ----------
    codes : np.ndarray
        (n,) int64 from -1 on.
    size : int
        One more than the largest possible code. Codes are counted, which is much faster than sorting, unless the size
        is far above the number of rows.

    Returns
    -------
    used : np.ndarray
        (k,) the codes that occur, in order, without -1.
    places : np.ndarray
        (n,) index of each row's code in `used`; -1 stays -1.
    """
    if size > 10 * len(codes) + 1000:
        used, places = np.unique(codes, return_inverse=True)
        empty = int(used.size > 0 and used[0] < 0)
        return used[empty:], places - empty
    occurs = np.bincount(codes + 1, minlength=size + 1)[1:] > 0
    place = np.cumsum(np.concatenate([[0], occurs])) - 1
    place[0] = -1
    return np.flatnonzero(occurs), place[codes + 1]


def join_columns(first: pd.Series, second: pd.Series) -> pd.Series:
    """Append a column to another, counted from 0; two categoricals give a categorical of the values of both."""
    parts = [first, second]
    if all(isinstance(part.dtype, pd.CategoricalDtype) for part in parts):
        return pd.Series(union_categoricals([part.array for part in parts]))
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


def cross_table(rows: Array, columns: Array, shape: tuple[int, int]) -> Array:
    """Count each combination of two codes: int64 of the given shape, without the pairs that have a code of -1."""
    is_known = (rows >= 0) & (columns >= 0)
    if not is_known.all():
        rows, columns = rows[is_known], columns[is_known]
    return np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)


def cramers_v(table: Array) -> float:
    """Compute Cramér's V of a table of counts: 0 (independent) to 1 (one variable determines the other).

    The plain one (Cramér 1946, section 21.9), without a correction for small samples. Empty rows and columns
    are left out; a single row carries no information about the column (0), and with a single column there is nothing to
    predict (NaN).
    """
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0].astype(np.float64)
    if min(table.shape) < 2:
        return 0.0 if table.shape[1] > 1 else float("nan")
    total = table.sum()
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / total
    chi2 = ((table - expected) ** 2 / expected).sum()
    return float(min(1.0, np.sqrt(chi2 / total / (min(table.shape) - 1))))
