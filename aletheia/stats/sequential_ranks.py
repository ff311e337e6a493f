"""Sequential conformal ranks, and bets against them; see `aletheia.stats.change_detection` for what they are for."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

import numpy as np
from scipy import special

from aletheia.core.arrays import Array

#: Parameters of the beta densities that are bet on: smaller, larger (slightly, clearly, strongly), spread, narrowed.
BETS = ((1, 1.3), (1, 2), (1, 5), (1.3, 1), (2, 1), (5, 1), (0.6, 0.6), (2, 2))


def rank_among(bag: list[float], value: float, draws: Sequence[float], most: int) -> float:
    """Rank a value among a sorted bag and itself, and put it there.

    Parameters
    ----------
    bag : list of float
        Sorted; changed in place.
    value : float
        NaN is ranked as NaN, and not put there.
    draws : sequence of float
        Two random numbers in [0, 1): for ties, and for what leaves a full bag.
    most : int
        Values that the bag holds.

    Returns
    -------
    float
        In (0, 1).
    """
    if value != value:  # noqa: PLR0124 -- NaN
        return value
    low, high = bisect.bisect_left(bag, value), bisect.bisect_right(bag, value)
    rank = (low + draws[0] * (high - low + 1)) / (len(bag) + 1)
    bag.insert(high, value)
    if len(bag) > most:
        del bag[int(draws[1] * len(bag))]
    return rank


def sequential_ranks(values: Array, rng: np.random.Generator) -> Array:
    """Rank each value (n,) among itself and those before: (n,) in (0, 1), NaN where the value is.

    They are independent and uniform if the values are exchangeable; ties are broken at random.
    """
    bag: list[float] = []
    draws = rng.random((len(values), 2)).tolist()
    return np.array(
        [rank_among(bag, value, draw, len(values)) for value, draw in zip(values.tolist(), draws, strict=True)]
    )


def bet_payoffs(ranks: Array) -> Array:
    """Compute what each of `BETS` pays for ranks (…) in (0, 1): the beta densities there, (…, bets)."""
    a, b = np.array(BETS, dtype=float).T
    above, below = np.log(ranks)[..., None], np.log1p(-ranks)[..., None]
    payoffs: Array = np.exp((a - 1) * above + (b - 1) * below - special.betaln(a, b))
    return payoffs


def rank_rows(
    table: Array, groups: Sequence[int], draws: Array, bags: dict[int, list[list[float]]], sizes: tuple[int, int]
) -> tuple[Array, Array]:
    """Rank the values of rows, each among those of its column and stratum before; see `rank_among`.

    Parameters
    ----------
    table : ndarray
        (n, columns), NaN where unknown.
    groups : sequence of int
        Stratum of each row.
    draws : ndarray
        (n, columns, 2) random numbers in [0, 1).
    bags : dict
        By stratum, of each column; changed in place.
    sizes : tuple of int
        Values of a bag from which on there is a bet, and those that it holds.

    Returns
    -------
    tuple of ndarray
        (n, columns) ranks, 0.5 where unknown, and whether there is a bet on each: not on unknown and early ones.
    """
    reference, most = sizes
    ranks, bets = np.full(table.shape, 0.5), np.zeros(table.shape, dtype=bool)
    for row, (values, group, drawn) in enumerate(zip(table.tolist(), groups, draws.tolist(), strict=True)):
        own = bags.setdefault(group, [[] for _ in values])
        for column, (bag, value, draw) in enumerate(zip(own, values, drawn, strict=True)):
            if value == value:  # noqa: PLR0124 -- not NaN
                bets[row, column] = len(bag) >= reference
                ranks[row, column] = rank_among(bag, value, draw, most)
    return ranks, bets


def pack_bags(bags: Sequence[Sequence[Sequence[float]]]) -> tuple[Array, Array]:
    """Turn the bags of each stratum and column into two arrays: their sizes (strata, columns), and all values (n,)."""
    sizes = np.array([[len(bag) for bag in columns] for columns in bags], dtype=int)
    return sizes, np.array([value for columns in bags for bag in columns for value in bag], dtype=float)


def unpack_bags(sizes: Array, values: Array, strata: int, columns: int) -> list[list[list[float]]]:
    """Turn what `pack_bags` returned into the bags again; ValueError when it cannot be that."""
    sizes = np.asarray(sizes)
    if sizes.size != strata * columns or (sizes < 0).any() or sizes.sum() != len(values):
        raise ValueError("the state is damaged")
    parts = iter(np.split(np.asarray(values), np.cumsum(sizes.ravel())[:-1]) if sizes.size else [])
    return [[next(parts).tolist() for _ in range(columns)] for _ in range(strata)]
