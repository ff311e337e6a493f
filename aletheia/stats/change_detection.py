"""Detection of changes in a stream of measurements that is looked at for ever, with a stated rate of false alarms.

Each value is ranked among values of its column so far: as long as nothing changes, these ranks, with ties broken at
random, are independent and uniform (conformal p-values: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random
World", 2005). Against them stand bets: densities on [0, 1] that would pay if values became larger, smaller, more spread
or less. The wealth of a bet that starts anew at every step, S ← (S + 1) · f(p), is an e-detector (Shin, Ramdas and
Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", NEJSDS 2, 2024; for one known change
it is the statistic of Shiryaev and Roberts): S − t is a supermartingale, so the mean number of values until S first
reaches c is at least c. The same holds for a weighted mean over bets and columns, whatever their dependence, which is
the correction for looking at many columns, and at every moment.

What it needs is that values of one state of the world come in no order. Two things break that in practice. Many answers
of one caller in a row: leave most of them out before. And hours that differ: rank each value among those of its own
stratum, such as the hour of the day (a Mondrian conformal predictor, section 4.5 of the same book); values need to come
in no order only within a stratum then, and strata may differ as they like.

Values that others are compared with are kept in a bag of bounded size. Once it is full, each new value takes the place
of one chosen at random among the bag and itself, all with the same chance: given the bag before the choice, which of
its values came last says nothing about the one that is left out, so that ranks stay independent and uniform.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from aletheia.core.arrays import Array
from aletheia.stats.sequential_ranks import BETS, bet_payoffs, pack_bags, rank_rows, unpack_bags

#: Values that a column's first ones are compared with, before any bet is made; of each stratum.
REFERENCE = 100
#: Values of a column and stratum that are kept to compare others with.
BAG = 1_000
_EDGE = 1e-9  # ranks are held off 0 and 1, where a density may be infinite
_BLOCK = 128  # rows whose ranks are computed at a time


class Change(NamedTuple):
    """An alarm.

    Attributes
    ----------
    at : int
        Index of the row with which it was raised, since the beginning of the stream.
    since : int
        Index of the row from which on the winning bet has been paying: an estimate of when the change began.
    column : str
        The column that contributed most.
    share : float
        Its share of the evidence, 0 to 1.
    time, since_time : float
        Of the rows `at` and `since`; their indices where no times were given.
    before, after : float
        Mean of the column's known values up to `since`, and from then up to `at`; NaN where there is none.
    """

    at: int
    since: int
    column: str
    share: float
    time: float
    since_time: float
    before: float
    after: float


def detect_changes(
    columns: Mapping[str, Array],
    weights: Mapping[str, float],
    run_length: float,
    *,
    reference: int = REFERENCE,
    strata: Array | None = None,
    seed: int = 0,
) -> list[Change]:
    """Find the changes in a stream that is known as a whole, in order of time; see `ChangeDetector`.

    Parameters
    ----------
    columns : mapping of str to ndarray
        (n,) float each, in order of time; NaN where unknown.
    strata : ndarray, optional
        (n,) int: rows that are compared with each other; default: all.
    """
    return ChangeDetector({name: weights[name] for name in columns}, run_length, reference=reference, seed=seed).update(
        columns, strata=strata
    )


class ChangeDetector:
    """The search for changes in a stream that comes in parts: what it finds does not depend on where they are cut.

    After each change the search starts anew, with what follows as the reference.

    Parameters
    ----------
    weights : mapping of str to float
        Of each column, above 0; they are divided by their sum.
    run_length : float
        The mean number of rows between two false alarms is at least this.
    reference : int
        Values of a column and stratum on which nothing is bet, at the beginning.
    bag : int
        Values of a column and stratum that are kept, at least 1.
    seed : int
        For ties, and for what leaves a full bag.

    Attributes
    ----------
    rows : int
        Rows so far.
    start : int
        Index of the row from which on the search goes: 0, or the one after the last change.
    peak : float
        The largest evidence since the search last started, as a share of what it takes to raise an alarm.
    """

    peak: float
    _wealth: Array
    _gains: Array
    _began: Array
    _known: Array
    _total: Array

    def __init__(
        self,
        weights: Mapping[str, float],
        run_length: float,
        *,
        reference: int = REFERENCE,
        bag: int = BAG,
        seed: int = 0,
    ) -> None:
        self.names, self.run_length, self.reference, self.bag = list(weights), run_length, reference, bag
        shares = np.array([weights[name] for name in self.names], dtype=float)
        self._weights = shares / (shares.sum() or 1.0) / len(BETS)
        self._rng = np.random.default_rng(seed)
        self.rows = 0
        self._restart()

    @property
    def evidence(self) -> dict[str, float]:
        """What each column adds to the evidence now, as a share of what it takes to raise an alarm: in all below 1."""
        shares = self._wealth.sum(axis=1) * self._weights / self.run_length
        return dict(zip(self.names, shares.tolist(), strict=True))

    @property
    def is_watching(self) -> bool:
        """Whether there are enough values of a column, in a stratum at least, to bet on further ones."""
        return any(len(bag) >= self.reference for bags in self._bags.values() for bag in bags)

    def update(
        self, columns: Mapping[str, Array], *, times: Array | None = None, strata: Array | None = None
    ) -> list[Change]:
        """Take further rows, and return the changes that are noticed with them.

        Parameters
        ----------
        columns : mapping of str to ndarray
            (n,) float each, in order of time; NaN where unknown.
        times : ndarray, optional
            (n,) float of the rows; default: their indices.
        strata : ndarray, optional
            (n,) int: rows that are compared with each other; default: all.

        Raises
        ------
        ValueError, KeyError
            When the columns are not equally long, or one is missing.
        """
        count = len(next(iter(columns.values()))) if columns else 0
        if any(len(part) != count for part in (*columns.values(), *(x for x in (times, strata) if x is not None))):
            raise ValueError("the columns differ in length")
        if not count or not self.names:
            return []
        table = np.column_stack([np.asarray(columns[name], dtype=float) for name in self.names])
        when = np.arange(self.rows, self.rows + count, dtype=float) if times is None else np.asarray(times, dtype=float)
        groups = [0] * count if strata is None else np.asarray(strata).tolist()
        changes: list[Change] = []
        for first in range(0, count, _BLOCK):
            part = slice(first, first + _BLOCK)
            draws = self._rng.random((len(table[part]), len(self.names), 2))
            changes += self._take(table[part], when[part], groups[part], draws)
        return changes

    def learn(self, columns: Mapping[str, Array]) -> None:
        """Put values of a reference into the bags before the first row; of more than a bag holds, some at random.

        Parameters
        ----------
        columns : mapping of str to ndarray
            (n,) float each, not necessarily equally many, in any order; columns that are missing have no reference.

        Raises
        ------
        ValueError
            When rows were taken already.
        """
        if self.rows:
            raise ValueError("a reference comes before the first row")
        bags = self._bags.setdefault(0, [[] for _ in self.names])
        for bag, name in zip(bags, self.names, strict=True):
            values = np.asarray(columns.get(name, ()), dtype=float)
            known = values[np.isfinite(values)]
            bag[:] = np.sort(self._rng.permutation(known)[: self.bag]).tolist()

    def _take(self, table: Array, times: Array, groups: Sequence[int], draws: Array) -> list[Change]:
        changes: list[Change] = []
        while len(table):
            change = self._search(table, times, groups, draws)
            if change is None:
                break
            changes.append(change)
            taken = len(table) - (self._end - self.rows)
            table, times, groups, draws = table[taken:], times[taken:], groups[taken:], draws[taken:]
            self._restart()
        return changes

    def _search(self, table: Array, times: Array, groups: Sequence[int], draws: Array) -> Change | None:
        """Take rows up to the first change; `_end` is then where the given rows would have ended."""
        self._end = self.rows + len(table)
        ranks, bets = rank_rows(table, groups, draws, self._bags, (self.reference, self.bag))
        payoffs = np.where(bets[:, :, None], bet_payoffs(np.clip(ranks, _EDGE, 1 - _EDGE)), 1.0)
        logs = np.log(payoffs)
        known = np.isfinite(table)
        values = np.where(known, table, 0.0)
        marks = np.zeros((4, *self._wealth.shape))
        for row in range(len(table)):
            restarts = self._gains <= 0  # the cumulative sum of Page (1954): nothing gained before is left
            marks[0], marks[1], marks[2], marks[3] = self.rows, times[row], self._known[:, None], self._total[:, None]
            np.copyto(self._began, marks, where=restarts)
            self._gains = np.maximum(self._gains, 0) + logs[row]
            self._wealth = (self._wealth + bets[row][:, None]) * payoffs[row]
            self._known = self._known + known[row]
            self._total = self._total + values[row]
            self.rows += 1
            evidence = self._wealth.sum(axis=1) * self._weights
            total = float(evidence.sum())
            self.peak = max(self.peak, total / self.run_length)
            if total >= self.run_length:
                column = int(evidence.argmax())
                return self._change(column, float(evidence[column]) / total, float(times[row]))
        return None

    def _change(self, column: int, share: float, time: float) -> Change:
        bet = int(self._wealth[column].argmax())
        since, since_time, known, total = self._began[:, column, bet].tolist()
        return Change(
            self.rows - 1,
            int(since),
            self.names[column],
            share,
            time,
            since_time,
            total / known if known else float("nan"),
            (float(self._total[column]) - total) / (float(self._known[column]) - known or float("nan")),
        )

    def _restart(self) -> None:
        shape = (len(self.names), len(BETS))
        self.start = self.rows
        self._bags: dict[int, list[list[float]]] = {}
        self._wealth, self._gains = np.zeros(shape), np.zeros(shape)
        # Of each bet, when it last had gained nothing: the row, its time, known values of the column and their sum.
        self._began = np.zeros((4, *shape))
        self._known, self._total = np.zeros(len(self.names)), np.zeros(len(self.names))
        self.peak = 0.0

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return all that the search knows, as plain values and as arrays, for `restore`."""
        bags = {group: self._bags[group] for group in sorted(self._bags)}
        plain = {"rows": self.rows, "start": self.start, "peak": self.peak, "rng": self._rng.bit_generator.state}
        plain["groups"] = list(bags)
        sizes, values = pack_bags([*bags.values()])
        return plain, {**{name: getattr(self, f"_{name}") for name in _ARRAYS}, "bag_sizes": sizes, "bags": values}

    def restore(self, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Go on where another detector with the same parameters was when it gave its `state`.

        Raises
        ------
        ValueError, KeyError, TypeError
            When the state is none, or that of other columns; the detector is then as it was.
        """
        fresh = {name: np.array(arrays[name]) for name in _ARRAYS}
        groups = [int(group) for group in plain["groups"]]
        if any(value.shape != getattr(self, f"_{name}").shape for name, value in fresh.items()):
            raise ValueError("the state is that of other columns")
        bags = unpack_bags(arrays["bag_sizes"], arrays["bags"], len(groups), len(self.names))
        rng = np.random.default_rng()
        rng.bit_generator.state = plain["rng"]
        rows, start, peak = int(plain["rows"]), int(plain["start"]), float(plain["peak"])
        self.rows, self.start, self.peak, self._rng = rows, start, peak, rng
        self._bags = dict(zip(groups, bags, strict=True))
        for name, value in fresh.items():
            setattr(self, f"_{name}", value)


_ARRAYS = ("wealth", "gains", "began", "known", "total")
