"""Numbers of each interval of a period, by NumPy alone: a million rows take a fraction of a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aletheia.core.arrays import Array
from aletheia.lifecycle.dashboard.period import Period
from aletheia.lifecycle.dashboard.rows import Rows

#: Curves or layers of one chart, at most; what is rarer is put together.
MAX_SERIES = 6
OTHERS = "others"


class Placed(NamedTuple):
    """Rows of a period, and the interval of each.

    Attributes
    ----------
    rows : Rows
    place : ndarray
        (n,) int, index of the interval.
    intervals : int
    """

    rows: Rows
    place: Array
    intervals: int

    def select(self, where: Array, *names: str) -> Placed:
        """Return some of the rows, with these of their columns."""
        return Placed(self.rows.select(where, names), self.place[where], self.intervals)

    def counts(self, where: Array) -> Array:
        """Count the rows of each interval for which a condition (n,) holds."""
        result: Array = np.bincount(self.place[where], minlength=self.intervals)
        return result

    def mean(self, values: Array) -> Array:
        """Average the known values (n,) of each interval; NaN where there is none."""
        known = np.isfinite(values)
        place = self.place[known]
        sums = np.bincount(place, values[known], minlength=self.intervals)
        counts = np.bincount(place, minlength=self.intervals)
        return divide(sums, counts)

    def quantiles(self, values: Array, shares: Sequence[float]) -> Array:
        """Return quantiles of the known values (n,) of each interval: (shares, intervals), NaN where there is none.

        Between two values they are interpolated linearly, as NumPy and pandas do.
        """
        known = np.isfinite(values)
        values, place = values[known].astype(float), self.place[known]
        if (np.diff(place) < 0).any():
            order = np.argsort(place.astype(np.int16), kind="stable")  # by radix: there are few intervals
            values, place = values[order], place[order]
        counts = np.bincount(place, minlength=self.intervals)
        first = np.cumsum(counts) - counts
        for begin, count in zip(first.tolist(), counts.tolist(), strict=True):
            values[begin : begin + count].sort()
        result = np.full((len(shares), self.intervals), np.nan)
        filled = counts > 0
        for row, share in enumerate(shares):
            at = first[filled] + share * (counts[filled] - 1)
            low = np.floor(at).astype(int)
            high = np.minimum(low + 1, first[filled] + counts[filled] - 1)
            result[row, filled] = values[low] + (at - low) * (values[high] - values[low])
        return result


def divide(numerator: Array, denominator: Array) -> Array:
    """Divide counts; NaN where the denominator is 0."""
    result: Array = np.divide(
        numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=np.asarray(denominator) > 0
    )
    return result


def place_rows(rows: Rows, period: Period) -> Placed:
    """Choose the rows of a period, and find the interval of each."""
    times = rows.columns["time"]
    within = (times >= period.begin) & (times < period.end)
    if within.all():
        chosen = rows
    elif len(rows) and (np.diff(places := np.flatnonzero(within)) == 1).all():  # as mostly: no copy is needed
        chosen = rows.select(slice(places[0], places[-1] + 1) if len(places) else slice(0, 0))
    else:
        chosen = rows.select(within)
    place = ((chosen.columns["time"] - period.begin) / period.interval).astype(np.int64)
    return Placed(chosen, np.minimum(place, period.intervals - 1), period.intervals)


def count_texts(placed: Placed, column: str, where: Array, most: int = MAX_SERIES) -> dict[str, Array]:
    """Count the texts of a column in each interval, the most frequent first, the rest together as `OTHERS`.

    Parameters
    ----------
    placed : Placed
    column : str
        One of `aletheia.lifecycle.dashboard.rows.TEXTS`.
    where : ndarray
        (n,) bool, the rows that count.
    most : int
        Texts that are counted by themselves.

    Returns
    -------
    dict of str to ndarray
        (intervals,) counts; texts that do not occur are left out.
    """
    texts = placed.rows.texts[column]
    codes = placed.rows.columns[column]
    if not len(texts):
        return {}
    totals = np.bincount(codes[where], minlength=len(texts))
    order = [int(code) for code in np.argsort(-totals, kind="stable") if totals[code]]
    result = {texts[code]: placed.counts(where & (codes == code)) for code in order[:most]}
    if order[most:]:
        result[OTHERS] = placed.counts(where & np.isin(codes, order[most:]))
    return result
