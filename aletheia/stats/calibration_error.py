"""How far the probabilities are from the shares that are found: the expected calibration error.

The estimate is biased upwards on few rows: chance alone moves the share in a bin away from the probability, and the
error counts every move as one (Kumar, Liang and Ma, "Verified Uncertainty Calibration", NeurIPS 2019; Nixon et al.,
"Measuring Calibration in Deep Learning", CVPR Workshops 2019). So it stands beside what chance alone would show.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.sparse import csr_matrix
from scipy.special import expit, logit

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.jsonable import to_jsonable
from aletheia.stats.bootstrap import draw_counts, percentile_interval
from aletheia.stats.metrics import group_ids

_SIMULATIONS = 100


@dataclass(frozen=True)
class CalibrationError:
    """What `calibration_error` found.

    Attributes
    ----------
    value : float
        Mean distance between probability and share, 0 to 1; NaN where it is not defined.
    low, high : float
        95 % interval. The replicates are biased upwards as the value is, so that it says how much the value would
        vary, not that the true error must lie within.
    expected : float
        What a perfectly calibrated model would show on these rows. A value that is hardly larger is no sign of a fault.
    n : int
        Rows that count.
    """

    value: float
    low: float
    high: float
    expected: float
    n: int

    def to_dict(self) -> dict[str, float | int | None]:
        """JSON knows no NaN: None instead."""
        return {key: to_jsonable(value) for key, value in asdict(self).items()}


def equal_mass_bins(p: Array, bins: int = 10) -> Array:
    """Sort probabilities into bins of equal numbers of rows.

    Parameters
    ----------
    p : ndarray
        (n,) without NaN.
    bins : int
        At most so many; rows of the same probability stay together.

    Returns
    -------
    ndarray
        (n,) number of the bin of each row, from 0 on, rising with the probability, no bin empty.
    """
    edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)[1:-1])) if len(p) else np.empty(0)
    return np.unique(np.searchsorted(edges, p, side="right"), return_inverse=True)[1]


def balanced_weights(y: Array) -> Array:
    """Weights (n,) of rows of both classes (1 for fake) that give either a total of one half."""
    return np.where(y == 1, 0.5 / np.sum(y == 1), 0.5 / np.sum(y == 0))


def calibration_error(
    y: Array,
    p: Array,
    groups: Array | None = None,
    *,
    balanced: bool = True,
    bins: int = 10,
    replicates: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> CalibrationError:
    """Expected calibration error in bins of equal numbers of rows (Naeini et al., AAAI 2015; Nixon et al., 2019).

    Parameters
    ----------
    y : ndarray
        (n,), 1 for fake, 0 for real.
    p : ndarray
        (n,) probabilities of fake in [0, 1]; rows with NaN are left out.
    groups : ndarray, optional
        (n,) identity or video of each row, the unit of the bootstrap; whole numbers are taken as they are, of other
        values '' and None stand for "unknown", a unit of its own.
    balanced : bool
        Let both classes weigh the same, since the models' probabilities refer to a prior of one half. Without it the
        shares are those of the rows.
    bins : int
        See `equal_mass_bins`. They are fixed by all rows, and stay in every replicate.
    replicates, seed, level
        Of the bootstrap; without replicates there is no interval.

    Returns
    -------
    CalibrationError
        NaN without rows and, when balanced, with one class only.

    Raises
    ------
    InputError
        For probabilities outside [0, 1], or lengths that differ.
    """
    y, p, ids = _scored(y, p, groups)
    if not len(y) or (balanced and y.min() == y.max()):
        return CalibrationError(*[float("nan")] * 4, n=len(y))
    data = BinnedErrors(y, p, ids, balanced=balanced, bins=bins)
    draws = [data.error(counts) for counts in draw_counts(data.n_groups, replicates, np.random.default_rng(seed))]
    value = data.error(np.ones(data.n_groups))
    return CalibrationError(value, *percentile_interval(np.array(draws), level), data.expected(seed), len(y))


class BinnedErrors:
    """Calibration errors prepared for many evaluations.

    Parameters
    ----------
    y, p : ndarray
        (n,) labels and probabilities, n at least 1, without NaN.
    ids : ndarray
        (n,) int; rows with the same number are drawn together.
    balanced, bins
        As in `calibration_error`.
    """

    def __init__(self, y: Array, p: Array, ids: Array, *, balanced: bool = True, bins: int = 10) -> None:
        self._y, self._p, self._balanced = np.asarray(y), np.asarray(p), balanced
        values, self._group = np.unique(ids, return_inverse=True)
        self.n_groups = len(values)
        self._bin = equal_mass_bins(self._p, bins)
        self._n_bins = int(self._bin.max()) + 1
        # Each row has one entry for its error and one that counts it; rows of a group in one bin become one entry.
        terms = np.concatenate([np.abs(self._y - self._p), np.ones(len(self._y))])
        places = np.concatenate(self._cells(self._y)), np.tile(self._group, 2)
        self._sums = csr_matrix((terms, places), shape=(2 * self._n_bins + 2, self.n_groups))

    def error(self, counts: Array) -> float:
        """Calibration error with each group counted `counts` (n_groups,) times, in the bins of all rows; NaN without
        rows and, when balanced, without rows of one class.
        """
        return self._from_sums(self._sums @ counts)

    def expected(self, seed: int = 0) -> float:
        """Mean error when labels are drawn from the probabilities.

        When balanced, the probabilities are first shifted (in log-odds) to where they expect as many fakes as there
        are; those of a model that calls nearly everything fake could not come from a calibrated one. Where all rows of
        a group have one label, as the frames of a video do, they are drawn together.
        """
        rng = np.random.default_rng([seed, 1])
        chance = p = self._p
        if self._balanced:
            share, z = self._y.mean(), logit(np.clip(p, 1e-9, 1 - 1e-9))
            shift = brentq(lambda c: expit(z + c).mean() - share, -60, 60, xtol=1e-6)
            chance, p = expit(z + shift), expit(z + shift - logit(share))
        size, fakes = np.bincount(self._group), np.bincount(self._group, weights=self._y)
        alike = ((fakes == 0) | (fakes == size))[self._group]
        unit = np.where(alike, self._group, self.n_groups + np.arange(len(p)))
        values = []
        for _ in range(_SIMULATIONS):
            drawn = rng.random(self.n_groups + len(p))[unit] < chance
            cell, row = self._cells(drawn)
            counts = np.bincount(row, minlength=2 * self._n_bins + 2)
            values.append(self._from_sums(counts + np.bincount(cell, np.abs(drawn - p), minlength=len(counts))))
        return float(np.nanmean(values))

    def _cells(self, y: Array) -> tuple[Array, Array]:
        """Where rows' errors and rows themselves are summed: bins of the real ones, bins of the fakes, two counts."""
        fake = y.astype(np.int64)
        return fake * self._n_bins + self._bin, 2 * self._n_bins + fake

    def _from_sums(self, sums: Array) -> float:
        """From sums over `_cells`: weighted differences of labels and probabilities, each bin's in absolute value."""
        off_real, off_fake = sums[:-2].reshape(2, -1)
        n_real, n_fake = sums[-2:] * 2 if self._balanced else np.repeat(sums[-2:].sum(), 2)
        if n_real == 0 or n_fake == 0:
            return float("nan")
        return float(np.abs(off_fake / n_fake - off_real / n_real).sum())


def _scored(y: Array, p: Array, groups: Array | None) -> tuple[Array, Array, Array]:
    y, p = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    groups = np.arange(len(y)) if groups is None else np.asarray(groups)
    if y.ndim != 1 or y.shape != p.shape or groups.shape != y.shape:
        raise InputError("Labels, probabilities and groups must be lists of one length.")
    if np.nanmin(p, initial=0.0) < 0 or np.nanmax(p, initial=1.0) > 1:
        raise InputError("Probabilities must lie between 0 and 1; these look like logits.")
    ids = groups if np.issubdtype(groups.dtype, np.integer) else group_ids(groups.astype(object))
    scored = ~np.isnan(p)
    return y[scored], p[scored], ids[scored]
