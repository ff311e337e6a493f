"""Labels and probabilities of a set of rows, with the threshold and the bootstrap that they are evaluated with."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.stats.bootstrap import GroupedScores, draw_counts, unit_ids


class ScoredSet:
    """Labels and probabilities, validated once for every function that evaluates them.

    Parameters
    ----------
    y : array_like
        (n,), 1 for fake, 0 for real.
    p : array_like
        (n,) probabilities of fake in [0, 1]; NaN for a row that could not be scored.
    threshold : float
        A row is called fake when its probability is at least this.
    groups : array_like, optional
        (n,) identity or video of each row, the unit of the bootstrap; '', None and NaN stand for "unknown": such a row
        is a unit of its own, as every row is without groups.
    seed : int
        Of the bootstrap.

    Attributes
    ----------
    y, p : ndarray
        (n,) float64.
    ids : ndarray
        (n,) int, number of each row's unit.
    threshold : float
    seed : int

    Raises
    ------
    InputError
        Labels other than 0 and 1, probabilities outside [0, 1], or lengths that differ.
    """

    def __init__(
        self, y: ArrayLike, p: ArrayLike, threshold: float = 0.5, groups: ArrayLike | None = None, seed: int = 0
    ) -> None:
        self.y: Array = np.asarray(y, dtype=np.float64)
        self.p: Array = np.asarray(p, dtype=np.float64)
        n_groups = self.y.size if groups is None else len(np.asarray(groups, dtype=object))
        if self.y.ndim != 1 or self.y.shape != self.p.shape or n_groups != self.y.size:
            raise InputError("Labels, probabilities and groups must be lists of one length.")
        if not np.isin(self.y, (0, 1)).all():
            raise InputError("Labels must be 0 (real) or 1 (fake).")
        if np.nanmin(self.p, initial=0.0) < 0 or np.nanmax(self.p, initial=1.0) > 1:
            raise InputError("Probabilities must lie between 0 and 1; these look like logits.")
        self.ids = unit_ids(groups, n_groups)
        self.threshold = float(threshold)
        self.seed = seed

    def __len__(self) -> int:
        return len(self.y)

    @property
    def is_scored(self) -> Array:
        """Rows (n,) that have a probability."""
        mask: Array = ~np.isnan(self.p)
        return mask

    @property
    def fake(self) -> Array:
        """Rows (n,) labelled fake."""
        mask: Array = self.y == 1
        return mask

    @property
    def called(self) -> Array:
        """Rows (n,) called fake at the threshold; those without a probability are not."""
        mask: Array = self.p >= self.threshold
        return mask

    @property
    def wrong(self) -> Array:
        """Rows (n,) for which the threshold gives the wrong answer."""
        mask: Array = self.called != self.fake
        return mask

    def select(self, rows: Array) -> ScoredSet:
        """Return some of the rows, chosen by mask (n,) or by index; numbers of units, threshold and seed stay."""
        part = copy.copy(self)
        part.y, part.p, part.ids = self.y[rows], self.p[rows], self.ids[rows]
        return part

    def dropna(self) -> ScoredSet:
        """Return the rows that have a probability."""
        return self.select(self.is_scored)

    def grouped(self) -> GroupedScores:
        """Prepare the rows, all of which need a probability, for many weighted evaluations."""
        return GroupedScores(self.y, self.p, self.ids)

    def draw_counts(self, replicates: int) -> Iterator[Array]:
        """Yield for each replicate of the bootstrap how often each unit is drawn, see `bootstrap.draw_counts`."""
        return draw_counts(len(np.unique(self.ids)), replicates, np.random.default_rng(self.seed))
