"""Detection of changes in a stream of measurements that is looked at for ever, with a stated rate of false alarms.

Each value is ranked among all values of its column so far: as long as nothing changes, these ranks, with ties broken at
random, are independent and uniform (conformal p-values: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random
World", 2005). Against them stand bets: densities on [0, 1] that would pay if values became larger, smaller, more spread
or less. The wealth of a bet that starts anew at every step, S ← (S + 1) · f(p), is an e-detector (Shin, Ramdas and
Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", NEJSDS 2, 2024; for one known change
it is the statistic of Shiryaev and Roberts): S − t is a supermartingale, so the mean number of values until S first
reaches c is at least c. The same holds for a weighted mean over bets and columns, whatever their dependence, which is
the correction for looking at many columns, and at every moment.

What it needs is that values of one state of the world come in no order: many answers of one caller in a row are not.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy import special

from aletheia.core.arrays import Array

#: Parameters of the beta densities that are bet on: smaller, larger (slightly, clearly, strongly), spread, narrowed.
BETS = ((1, 1.3), (1, 2), (1, 5), (1.3, 1), (2, 1), (5, 1), (0.6, 0.6), (2, 2))
#: Values that a column's first ones are compared with, before any bet is made.
REFERENCE = 100
_EDGE = 1e-9  # ranks are held off 0 and 1, where a density may be infinite


class Change(NamedTuple):
    """An alarm.

    Attributes
    ----------
    at : int
        Index of the row with which it was raised.
    since : int
        Index of the row from which on the winning bet has been paying: an estimate of when the change began.
    column : str
        The column that contributed most.
    share : float
        Its share of the evidence, 0 to 1.
    """

    at: int
    since: int
    column: str
    share: float


def sequential_ranks(values: Array, rng: np.random.Generator) -> Array:
    """Rank each value (n,) among itself and those before: (n,) in (0, 1), NaN where the value is.

    They are independent and uniform if the values are exchangeable; ties are broken at random.
    """
    seen: list[float] = []
    ranks = np.full(len(values), np.nan)
    for index, value in enumerate(values.tolist()):
        if value == value:  # noqa: PLR0124 -- not NaN
            low, high = bisect.bisect_left(seen, value), bisect.bisect_right(seen, value)
            ranks[index] = (low + rng.random() * (high - low + 1)) / (len(seen) + 1)
            seen.insert(high, value)
    return ranks


def bet_payoffs(ranks: Array) -> Array:
    """Compute what each of `BETS` pays for ranks (…) in (0, 1): the beta densities there, (…, bets)."""
    a, b = np.array(BETS, dtype=float).T
    above, below = np.log(ranks)[..., None], np.log1p(-ranks)[..., None]
    payoffs: Array = np.exp((a - 1) * above + (b - 1) * below - special.betaln(a, b))
    return payoffs


def detect_changes(
    columns: Mapping[str, Array],
    weights: Mapping[str, float],
    run_length: float,
    *,
    reference: int = REFERENCE,
    seed: int = 0,
) -> list[Change]:
    """Find the changes in a stream; after each the search starts anew, with what follows as the reference.

    Parameters
    ----------
    columns : mapping of str to ndarray
        (n,) float each, in order of time; NaN where unknown.
    weights : mapping of str to float
        Of each column, above 0; they are divided by their sum.
    run_length : float
        The mean number of rows between two false alarms is at least this.
    reference : int
        Rows at the beginning on which nothing is bet.
    seed : int
        For the ties.

    Returns
    -------
    list of Change
        In order of time.

    Raises
    ------
    ValueError
        When the columns are not equally long, or a weight is missing.
    """
    names = list(columns)
    if len({len(columns[name]) for name in names}) > 1:
        raise ValueError("the columns differ in length")
    table = np.column_stack([np.asarray(columns[name], dtype=float) for name in names]) if names else np.empty((0, 0))
    share = np.array([weights[name] for name in names]) / (sum(weights[name] for name in names) or 1.0)
    rng, changes, start = np.random.default_rng(seed), [], 0
    while start < len(table):
        change = _first_change(table[start:], share / len(BETS), run_length, reference, rng)
        if change is None:
            break
        at, since, column, part = change
        changes.append(Change(start + at, start + since, names[column], part))
        start += at + 1
    return changes


def _first_change(
    table: Array, weights: Array, run_length: float, reference: int, rng: np.random.Generator
) -> tuple[int, int, int, float] | None:
    ranks = np.column_stack([sequential_ranks(column, rng) for column in table.T])
    clipped = np.clip(ranks[reference:], _EDGE, 1 - _EDGE)
    # (rows, columns, bets); a value that is unknown moves nothing.
    payoffs = bet_payoffs(clipped)
    known = np.isfinite(clipped)[:, :, None]
    payoffs, start = np.where(known, payoffs, 1.0), known.astype(float)
    wealth = np.zeros(payoffs.shape[1:])
    gains, began = np.zeros(wealth.shape), np.zeros(wealth.shape, dtype=int)
    for row, (payoff, stake) in enumerate(zip(payoffs, start, strict=True)):
        began[gains <= 0] = row  # the cumulative sum of Page (1954): nothing that was gained before is left
        gains = np.maximum(gains, 0) + np.log(payoff)
        wealth = (wealth + stake) * payoff
        evidence = wealth.sum(axis=1) * weights
        if evidence.sum() >= run_length:
            column = int(evidence.argmax())
            since = int(began[column, wealth[column].argmax()])
            return reference + row, reference + since, column, float(evidence[column] / evidence.sum())
    return None
