"""Largest difference in error rates and AUC between groups of people, with intervals and permutation tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.stats import random_table

from aletheia.core.arrays import Array
from aletheia.evaluation.subgroups import MIN_PEOPLE, TOO_FEW, demographic_values, people_ids
from aletheia.release.evaluation_records import MOST_TIMES
from aletheia.stats.bootstrap import GroupedScores, percentile_interval, widen_constant
from aletheia.stats.categorical import encode
from aletheia.stats.intervals import clustered_rate, perfect_auc_limits
from aletheia.stats.scored_set import ScoredSet

COLUMNS = (
    "column", "rate", "n_values", "gap", "gap_low", "gap_high", "p_value", "highest", "highest_rate",
    "lowest", "lowest_rate", "ratio", "ratio_low", "ratio_high", "verdict",
)  # fmt: skip
_BATCH = 2_000_000  # cells of permuted tables at a time


def largest_gap(
    frame: pd.DataFrame,
    scored: ScoredSet,
    columns: Sequence[str] | None = None,
    *,
    intersections: bool = False,
    min_people: int = MIN_PEOPLE,
    replicates: int = 500,
    permutations: int = 500,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compute the largest difference between two groups of people, for each demographic column and each rate.

    A largest difference is biased upwards: of several groups that a model treats alike, two lie apart by chance, the
    farther the more groups there are and the smaller they are. The bootstrap's interval is biased in the same way, and
    may lie above 0, and even above the gap; so the lower limit is 0 (that of the ratio 1) where the permutation test
    does not say that groups differ. `p_value` is the evidence that there is a difference at all: the share of
    permutations with a gap at least as large, when values are shuffled over the units (identities, videos) of the same
    class (Good, "Permutation, Parametric and Bootstrap Tests of Hypotheses", 3rd ed. 2005, chapter 6). It is not
    corrected for the number of columns and rates.

    Parameters
    ----------
    frame : DataFrame
        (n rows) the manifest.
    scored : ScoredSet
        The same n rows; those without a probability are left out. Its groups are the unit of the intervals and of the
        permutations.
    columns : sequence of str, optional
        By default the demographic columns that hold anything.
    intersections : bool
        Add each two columns together, see `aletheia.evaluation.subgroups.demographic_values`.
    min_people : int
        Values with fewer people (or units, where people are unknown) with rows of the class that a rate is about (of
        either class, for the AUC) are not compared.
    replicates, permutations : int
        Of the bootstrap and of the test; without permutations there is no `p_value`. In each replicate highest and
        lowest are determined anew, among the same values.
    level : float
        Of the percentile intervals; 1 minus it is that of the test.

    Returns
    -------
    DataFrame
        One row a column and rate (fpr, fnr, auc): n_values that are compared, gap with gap_low, gap_high and p_value;
        highest and lowest, the values of the column, with their rates; ratio (with ratio_low, ratio_high) of the
        highest fpr or fnr to the lowest, `MOST_TIMES` at most, NaN where both are 0 and for the AUC; verdict, "too few
        to say" where fewer than two values have enough rows.

    Raises
    ------
    InputError
        When the manifest lacks one of the columns.
    """
    people = people_ids(frame, scored)
    is_scored, scored = scored.is_scored, scored.dropna()
    ids = np.unique(scored.ids, return_inverse=True)[1]
    n_groups = int(ids.max(initial=-1)) + 1
    rates: list[tuple[str, str, _ErrorRate | _Auc]] = []
    for column, texts in demographic_values(frame, columns, intersections=intersections).items():
        codes, names = encode(pd.Series(texts[is_scored], dtype=object))
        for name, rows, hit in (("fpr", ~scored.fake, scored.called), ("fnr", scored.fake, ~scored.called)):
            enough = _count_people(codes[rows], people[rows], len(names)) >= min_people
            rates.append((column, name, _ErrorRate(hit[rows], codes[rows], names, ids[rows], n_groups, enough)))
        sizes = [_count_people(codes[rows], people[rows], len(names)) for rows in (~scored.fake, scored.fake)]
        rates.append((column, "auc", _Auc(scored.y, scored.p, codes, names, ids, np.minimum(*sizes) >= min_people)))
    draws: list[list[Array]] = [[] for _ in rates]
    for counts in scored.draw_counts(replicates):
        for values, (_, _, rate) in zip(draws, rates, strict=True):
            values.append(rate.evaluate(counts))
    table = []
    for values, (column, name, rate) in zip(draws, rates, strict=True):
        rng = np.random.default_rng([scored.seed, 1])
        summary = _summary(rate, np.array(values), np.ones(n_groups), level, permutations, rng)
        table.append({"column": column, "rate": name, "n_values": len(rate.names), **summary})
    return pd.DataFrame(table, columns=list(COLUMNS))


class _ErrorRate:
    """Share of hits among the rows of a class, for each value that has enough of them."""

    has_ratio = True

    def __init__(self, hit: Array, codes: Array, names: Array, ids: Array, n_groups: int, enough: Array) -> None:
        self.names, codes = _keep(names, codes, enough)
        is_kept = codes >= 0
        self._hit, self._codes, self._ids = hit[is_kept].astype(np.float64), codes[is_kept], ids[is_kept]
        # Hits and rows of each value, group by group: drawing groups is then a product.
        terms = np.concatenate([self._hit, np.ones(len(self._hit))])
        places = np.concatenate([self._codes, self._codes + len(self.names)]), np.tile(self._ids, 2)
        self._sums = csr_matrix((terms, places), shape=(2 * len(self.names), n_groups))

    def evaluate(self, counts: Array) -> Array:
        """Compute the rates with each group counted `counts` times."""
        sums = self._sums @ counts
        with np.errstate(invalid="ignore"):
            rates: Array = sums[: len(self.names)] / sums[len(self.names) :]
        return rates

    def limits(self, level: float) -> tuple[Array, Array]:
        """Return limits in closed form."""
        chosen = [self._codes == code for code in range(len(self.names))]
        rates = [clustered_rate(self._hit[rows], self._ids[rows], level) for rows in chosen]
        return np.array([rate.low for rate in rates]), np.array([rate.high for rate in rates])

    def shuffled(self, permutations: int, rng: np.random.Generator) -> Array:
        """Return the rates (permutations, values) after shuffling the values over the units."""
        unit, label = _units(self._ids, self._codes)
        sums = np.stack([np.bincount(unit, weights=self._hit), np.bincount(unit)], axis=1)
        # Units with the same sums are of one kind; the numbers of units by kind and value are a random table with both
        # margins fixed.
        kinds, times = np.unique(sums, axis=0, return_counts=True)
        tables = random_table(times, np.bincount(label, minlength=len(self.names)))
        batch = max(1, _BATCH // (len(kinds) * len(self.names)))
        sizes = [min(batch, permutations - start) for start in range(0, permutations, batch)]
        drawn = [np.einsum("rkv,kc->rvc", tables.rvs(size=size, random_state=rng), kinds) for size in sizes]
        hits, rows = np.moveaxis(np.concatenate(drawn), 2, 0)
        rates: Array = hits / rows
        return rates


class _Auc:
    """AUC of each value that has enough rows of both classes."""

    has_ratio = False

    def __init__(self, y: Array, p: Array, codes: Array, names: Array, ids: Array, enough: Array) -> None:
        self.names, codes = _keep(names, codes, enough)
        is_kept = codes >= 0
        self._y, self._p, self._codes, self._ids = y[is_kept], p[is_kept], codes[is_kept], ids[is_kept]
        self._parts = []
        for code in range(len(self.names)):
            rows = self._codes == code
            part = GroupedScores(self._y[rows], self._p[rows], self._ids[rows])
            self._parts.append((part, np.unique(self._ids[rows])))

    def evaluate(self, counts: Array) -> Array:
        """Compute the AUCs with each group counted `counts` times."""
        return np.array([part.auc(counts[members]) for part, members in self._parts])

    def limits(self, level: float) -> tuple[Array, Array]:
        """Return limits in closed form, of perfect rankings."""
        values = [part.auc(np.ones(part.n_groups)) for part, _ in self._parts]
        limits = [
            perfect_auc_limits(value, part.y, part.group, level)
            for value, (part, _) in zip(values, self._parts, strict=True)
        ]
        low, high = np.array(limits).T
        return low, high

    def shuffled(self, permutations: int, rng: np.random.Generator) -> Array:
        """Return the AUCs (permutations, values) after shuffling the values over the units."""
        unit, label = _units(self._ids, self._codes)
        data = GroupedScores(self._y, self._p, unit)
        # A person with real rows only cannot change places with one who has fakes: a value might lose a class.
        stratum = 2 * (np.bincount(unit, self._y) > 0) + (np.bincount(unit, 1 - self._y) > 0)
        members = [np.flatnonzero(stratum == k) for k in np.unique(stratum)]
        out = np.empty((permutations, len(self.names)))
        for row in out:
            for places in members:
                label[places] = rng.permutation(label[places])
            row[:] = [data.auc((label == code).astype(np.float64)) for code in range(len(self.names))]
        return out


def _keep(names: Array, codes: Array, chosen: Array) -> tuple[Array, Array]:
    """Return the chosen names, and the codes renumbered to them; -1 for the others."""
    place = np.append(np.where(chosen, np.cumsum(chosen) - 1, -1), -1)
    return names[chosen], place[codes]


def _count_people(codes: Array, people: Array, n_values: int) -> Array:
    """Count the people of each value, (n_values,) int."""
    known = codes >= 0
    pairs = np.unique(np.stack([codes[known], people[known]]), axis=1)
    counts: Array = np.bincount(pairs[0], minlength=n_values)
    return counts


def _units(ids: Array, codes: Array) -> tuple[Array, Array]:
    """Return the units that keep together when values are shuffled: the unit of each row, the value of each unit."""
    n_values = int(codes.max()) + 1
    pairs, unit = np.unique(ids * n_values + codes, return_inverse=True)
    return unit, pairs % n_values


def _summary(
    rate: _ErrorRate | _Auc,
    draws: Array,
    ones: Array,
    level: float,
    permutations: int,
    rng: np.random.Generator,
) -> dict[str, float | str]:
    if len(rate.names) < 2:
        return {"highest": "", "lowest": "", "verdict": TOO_FEW}
    values = rate.evaluate(ones)
    draws = draws.reshape(-1, len(values))
    lower, upper = widen_constant(draws, *rate.limits(level))
    gap = np.ptp(values)
    # Least and largest distance of the rates; where no column is constant, both are highest minus lowest.
    gap_low = percentile_interval(np.maximum(lower.max(axis=1) - upper.min(axis=1), 0), level)[0]
    p_value = _p_value(rate, gap, permutations, rng)
    by_chance = p_value >= 1 - level
    return {
        "gap": gap,
        "gap_low": 0.0 if by_chance else min(gap_low, gap),
        "gap_high": percentile_interval(upper.max(axis=1) - lower.min(axis=1), level)[1],
        "p_value": p_value,
        "highest": rate.names[values.argmax()],
        "highest_rate": values.max(),
        "lowest": rate.names[values.argmin()],
        "lowest_rate": values.min(),
        **_ratio(rate, values, lower, upper, level, by_chance),
        "verdict": "",
    }


def _ratio(
    rate: _ErrorRate | _Auc, values: Array, lower: Array, upper: Array, level: float, by_chance: bool
) -> dict[str, float]:
    """Compute the ratio of the highest rate to the lowest with its interval.

    A ratio to the rate of all rows cannot be large where that rate is: at 35 % no group exceeds 2.9 times.
    """
    if not rate.has_ratio or not values.max() > 0:
        return {}
    ratio = float(_times(values.max(), values.min()))
    ratio_low = percentile_interval(_times(lower.max(axis=1), upper.min(axis=1)), level)[0]
    return {
        "ratio": ratio,
        "ratio_low": min(1.0 if by_chance else ratio_low, ratio),
        "ratio_high": percentile_interval(_times(upper.max(axis=1), lower.min(axis=1)), level)[1],
    }


def _p_value(rate: _ErrorRate | _Auc, gap: float, permutations: int, rng: np.random.Generator) -> float:
    """Compute the share of permutations with at least this gap, the data being one of them (Phipson, Smyth 2010)."""
    if not permutations:
        return float("nan")
    shuffled = np.ptp(rate.shuffled(permutations, rng), axis=1)
    return float(1 + np.sum(shuffled >= gap - 1e-12)) / (1 + permutations)  # rounding is no difference


def _times(highest: Array, lowest: Array) -> Array:
    """Divide, `MOST_TIMES` at most; NaN where both are 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.minimum(np.divide(highest, lowest), MOST_TIMES)
