"""Expected calibration error: the distance between predicted probabilities and observed shares of fakes.

The estimate is biased upwards on few rows: chance alone moves the share in a bin away from the probability, and every
such move counts as an error (Kumar, Liang and Ma, "Verified Uncertainty Calibration", NeurIPS 2019; Nixon et al.,
"Measuring Calibration in Deep Learning", CVPR Workshops 2019). So it is reported beside the value that chance alone
would give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.sparse import csr_matrix
from scipy.special import expit, logit

from aletheia.core.arrays import Array
from aletheia.core.jsonable import to_jsonable
from aletheia.stats.bootstrap import percentile_interval
from aletheia.stats.estimate import Estimate
from aletheia.stats.scored_set import ScoredSet

_SIMULATIONS = 100


@dataclass(frozen=True)
class CalibrationEstimate(Estimate):
    """Expected calibration error of a set of rows, 0 to 1; NaN where it is not defined.

    Its interval comes from replicates that are biased upwards as the value is: it shows how much the value would vary,
    not that the true error must lie within.

    Attributes
    ----------
    expected : float
        Value of a perfectly calibrated model on these rows. An error that is hardly larger is no sign of a fault.
    """

    expected: float = float("nan")

    def to_dict(self) -> dict[str, float | None]:
        """Return plain values for JSON, None for NaN."""
        return {**super().to_dict(), "expected": to_jsonable(self.expected), "n": self.n}


def equal_mass_bins(p: Array, bins: int = 10) -> Array:
    """Assign probabilities to bins of equal numbers of rows.

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
    """Weight rows (n,) of both classes (1 for fake) so that the weights of either class add up to one half."""
    return np.where(y == 1, 0.5 / np.sum(y == 1), 0.5 / np.sum(y == 0))


def expected_calibration_error(
    scored: ScoredSet,
    *,
    balanced: bool = True,
    bins: int = 10,
    replicates: int = 500,
    level: float = 0.95,
) -> CalibrationEstimate:
    """Compute the expected calibration error in bins of equal numbers of rows (Naeini et al., AAAI 2015; Nixon et al.).

    Parameters
    ----------
    scored : ScoredSet
        Rows without a probability are left out; its threshold plays no part.
    balanced : bool
        Let both classes weigh the same, since the models' probabilities refer to a prior of one half. Without it the
        shares are those of the rows.
    bins : int
        See `equal_mass_bins`. They are fixed by all rows, and stay in every replicate.
    replicates, level
        Of the bootstrap; without replicates there is no interval.

    Returns
    -------
    CalibrationEstimate
        NaN without rows and, when balanced, with one class only.
    """
    scored = scored.dropna()
    if not len(scored) or (balanced and scored.y.min() == scored.y.max()):
        return CalibrationEstimate(float("nan"), n=len(scored))
    data = BinnedErrors(scored, balanced=balanced, bins=bins)
    low, high = percentile_interval(np.array([data.error(counts) for counts in scored.draw_counts(replicates)]), level)
    value = data.error(np.ones(data.n_groups))
    return CalibrationEstimate(value, low, high, len(scored), data.expected())


class BinnedErrors:
    """Calibration errors prepared for many evaluations.

    Parameters
    ----------
    scored : ScoredSet
        At least one row, all with a probability.
    balanced, bins
        As in `expected_calibration_error`.
    """

    def __init__(self, scored: ScoredSet, *, balanced: bool = True, bins: int = 10) -> None:
        self._y, self._p, self._seed, self._balanced = scored.y, scored.p, scored.seed, balanced
        values, self._group = np.unique(scored.ids, return_inverse=True)
        self.n_groups = len(values)
        self._bin = equal_mass_bins(self._p, bins)
        self._n_bins = int(self._bin.max()) + 1
        # Each row has an entry for its error and one that counts it; those of a group's rows in one bin are added up.
        terms = np.concatenate([np.abs(self._y - self._p), np.ones(len(self._y))])
        places = np.concatenate(self._cells(self._y)), np.tile(self._group, 2)
        self._sums = csr_matrix((terms, places), shape=(2 * self._n_bins + 2, self.n_groups))

    def error(self, counts: Array) -> float:
        """Compute the calibration error of a replicate, in the bins of all rows.

        Parameters
        ----------
        counts : ndarray
            (n_groups,) how often each group was drawn.

        Returns
        -------
        float
            NaN without rows and, when balanced, without rows of either class.
        """
        return self._from_sums(self._sums @ counts)

    def expected(self) -> float:
        """Compute the mean error when labels are drawn from the probabilities.

        When balanced, the probabilities are first shifted (in log-odds) to where they expect as many fakes as there
        are; those of a model that calls nearly everything fake could not come from a calibrated one. Where all rows of
        a group have one label, as the frames of a video do, they are drawn together.
        """
        rng = np.random.default_rng([self._seed, 1])
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
        """Return the cells in which rows' errors and rows are summed: bins of real ones, bins of fakes, two counts."""
        fake = y.astype(np.int64)
        return fake * self._n_bins + self._bin, 2 * self._n_bins + fake

    def _from_sums(self, sums: Array) -> float:
        """Add up, from sums over `_cells`, the absolute differences of labels and probabilities of the bins."""
        off_real, off_fake = sums[:-2].reshape(2, -1)
        n_real, n_fake = sums[-2:] * 2 if self._balanced else np.repeat(sums[-2:].sum(), 2)
        if n_real == 0 or n_fake == 0:
            return float("nan")
        return float(np.abs(off_fake / n_fake - off_real / n_real).sum())
