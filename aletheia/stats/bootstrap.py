"""Bootstrap over groups, for all metrics at once.

Rows of one person, or frames of one video, resemble each other; drawing rows would pretend that there are
more independent observations than there are. So groups are drawn with replacement, whole (the cluster
bootstrap: Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8; Field and Welsh,
JRSS B 69, 2007).

Everything is computed from counts per group. The scores are sorted once; in each replicate the rows get
weights, and weighted cumulative sums in that order give the whole ROC curve.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from aletheia.core.arrays import Array

#: Metrics of the ranking, in the order of the columns of `ranking_metrics`.
RANKING = ("auc", "average_precision", "eer", "tpr_at_fpr_1", "tpr_at_fpr_5")
_FIXED_FPR = (0.01, 0.05)


class GroupedScores:
    """Scores prepared for many weighted evaluations.

    Parameters
    ----------
    y : ndarray
        (n,), 1 for fake, 0 for real.
    p : ndarray
        (n,) finite scores, higher means more likely fake.
    groups : ndarray or None
        (n,) anything hashable; rows with the same value are drawn together. None: each row on its own.
    """

    def __init__(self, y: Array, p: Array, groups: Array | None = None) -> None:
        self.y = np.asarray(y, dtype=np.float64)
        self.p = np.asarray(p, dtype=np.float64)
        n = len(self.y)
        if groups is None:
            self.group, self.n_groups = np.arange(n), n
        else:
            values, self.group = np.unique(np.asarray(groups), return_inverse=True)
            self.n_groups = len(values)
        order = np.argsort(-self.p, kind="stable")
        sorted_p, sorted_y = self.p[order], self.y[order] > 0.5
        # Rows of one group that share score and class move together: merging them shortens every replicate.
        block = np.concatenate([[0], np.cumsum(np.diff(sorted_p) != 0)]) if n else np.zeros(0, dtype=np.int64)
        self._cells = [self._merge(block, order, sorted_y == fake) for fake in (True, False)]
        self._n_blocks = int(block[-1]) + 1 if n else 0
        # For each real row, how many fakes score higher, and how many at least as high.
        block_of_real, ends = block[~sorted_y], self._cells[0][1]
        self._above, self._at_least = np.concatenate([[0], ends])[block_of_real], ends[block_of_real]

    def _merge(self, block: Array, order: Array, chosen: Array) -> tuple[Array, Array]:
        """Return the groups in the order of the scores, and the end of each distinct score's rows among them."""
        groups = self.group[order][chosen]
        ends = np.searchsorted(block[chosen], np.arange(int(block[-1]) + 1 if len(block) else 0), side="right")
        return groups, ends

    def sums(self, *columns: Array) -> Array:
        """Sum each column (n,) over the rows of each group: (n_groups, number of columns)."""
        return np.stack([np.bincount(self.group, weights=c, minlength=self.n_groups) for c in columns], axis=1)

    def counts_above(self, counts: Array) -> tuple[Array, Array]:
        """Count fake and real rows at or above each distinct score, the highest first.

        Parameters
        ----------
        counts : ndarray
            (n_groups,) how often each group was drawn.
        """
        fake, real = (_cumulative(counts[groups], ends) for groups, ends in self._cells)
        return fake, real

    def ranking_metrics(self, counts: Array) -> Array:
        """Evaluate the ranking with each group counted `counts` times.

        Parameters
        ----------
        counts : ndarray
            (n_groups,) how often each group was drawn; all ones for the data as they are.

        Returns
        -------
        ndarray
            (5,), see `RANKING`; NaN when a class has no row. The rates at fixed false-positive rates do not
            interpolate: what a threshold can reach without exceeding the rate.
        """
        tp, fp = self.counts_above(counts)
        positives, negatives = (tp[-1], fp[-1]) if len(tp) else (0.0, 0.0)
        if positives == 0 or negatives == 0:
            return np.full(len(RANKING), np.nan)
        new_tp, new_fp = np.diff(tp, prepend=0.0), np.diff(fp, prepend=0.0)
        # Fakes ranked above each real one, ties half.
        area = np.dot(new_fp, tp - 0.5 * new_tp) / (positives * negatives)
        called = tp + fp
        precision = np.divide(tp, called, out=np.zeros_like(tp), where=called > 0)
        average_precision = np.dot(new_tp, precision) / positives
        fpr = fp / negatives
        at_fixed = [tp[k - 1] / positives if (k := np.searchsorted(fpr, f, side="right")) else 0.0 for f in _FIXED_FPR]
        return np.array([area, average_precision, _eer(tp / positives, fpr), *at_fixed])

    def auc(self, counts: Array) -> float:
        """Compute the first of `ranking_metrics` alone, in a fraction of the time."""
        (fakes, _), (reals, _) = self._cells
        true_positives = _cumulative(counts[fakes], slice(None))
        weights = counts[reals]
        pairs = float(true_positives[-1] * weights.sum())
        won = true_positives[self._above] + true_positives[self._at_least]
        return float(weights @ won) / (2 * pairs) if pairs else float("nan")


def _cumulative(weights: Array, ends: Array | slice) -> Array:
    total: Array = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])
    return total[ends]


def _eer(tpr: Array, fpr: Array) -> float:
    """Return the false-positive rate at which the linearly interpolated ROC curve meets tpr = 1 - fpr."""
    k = int(np.searchsorted(tpr + fpr, 1.0))  # both rise along the curve
    k = min(k, len(tpr) - 1)
    t0, f0 = (tpr[k - 1], fpr[k - 1]) if k else (0.0, 0.0)
    rise = (tpr[k] - t0) + (fpr[k] - f0)
    share = (1.0 - t0 - f0) / rise if rise > 0 else 0.0
    return float(f0 + share * (fpr[k] - f0))


def group_ids(groups: Array) -> Array:
    """Assign numbers to groups (n,); each row whose group is unknown ('', None or NaN) gets a number of its own."""
    texts = np.where(pd.isna(groups), "", groups).astype(str)
    ids: Array = np.unique(texts, return_inverse=True)[1]
    is_unknown = texts == ""
    ids[is_unknown] = ids.max(initial=0) + 1 + np.arange(is_unknown.sum())
    return ids


def unit_ids(groups: ArrayLike | None, n: int) -> Array:
    """Assign numbers to the units of the bootstrap (n,): the groups, or without them each row on its own."""
    return np.arange(n) if groups is None else group_ids(np.asarray(groups, dtype=object))


def draw_counts(n_groups: int, replicates: int, rng: np.random.Generator) -> Iterator[Array]:
    """Yield, for each replicate, how often each group is drawn: (n_groups,) float64, summing to n_groups."""
    for _ in range(replicates):
        draws = rng.integers(0, n_groups, size=n_groups, dtype=np.int32)
        yield np.bincount(draws, minlength=n_groups).astype(np.float64)


def percentile_interval(values: Array, level: float) -> tuple[float, float]:
    """Return the percentile interval of the replicates that are finite; NaN without any."""
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def widen_constant(draws: Array, low: Array | float, high: Array | float) -> tuple[Array, Array]:
    """Return the replicates for the lower and for the upper end of an interval.

    They are the same, except where every replicate has the same value (without an error among the rows there is
    none in any resample). That is not certainty, so the limits of a closed form replace it.

    Parameters
    ----------
    draws : ndarray
        (replicates,) or (replicates, k).
    low, high : float or ndarray
        Limits in closed form: a number, or (k,).

    Returns
    -------
    lower, upper : ndarray
        Of the shape of `draws`.
    """
    finite = np.isfinite(draws)
    highest = np.where(finite, draws, -np.inf).max(axis=0, initial=-np.inf)
    constant = finite & (highest == np.where(finite, draws, np.inf).min(axis=0, initial=np.inf))
    return np.where(constant, low, draws), np.where(constant, high, draws)
