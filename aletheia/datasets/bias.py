"""Bias analysis of a manifest: the share of fakes by source, generator and group of people."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.schema import DEMOGRAPHICS
from aletheia.stats.categorical import encode, renumber, rows_by_code
from aletheia.stats.cells import Cells, count_cells
from aletheia.stats.clustered_auc import holm
from aletheia.stats.clustered_table import ClusteredTest, clustered_independence
from aletheia.stats.intervals import clustered_rates

MIN_N = 30
LEVEL = 0.05
TOO_FEW = "too few to say"
BY_CHANCE = "within chance"
_MAX_VALUES = 1000  # of a column that are tested one by one; the rarest beyond them count as one
# Cohen, "Statistical Power Analysis for the Behavioral Sciences" (1988), section 7.2: with two labels, w equals V.
_EFFECTS = ((0.5, "large"), (0.3, "medium"), (0.1, "small"), (0.0, "negligible"))
_NAMES = frozenset(name for _, name in _EFFECTS)
RATE_COLUMNS = ["column", "group", "n", "n_fake", "fake_rate", "low", "high", "verdict", "p"]
ASSOCIATION_COLUMNS = [
    "column",
    "chi2",
    "dof",
    "p",
    "p_adjusted",
    "design",
    "cramers_v",
    "cramers_v_corrected",
    "n",
    "known_real",
    "known_fake",
    "verdict",
]


@dataclass(frozen=True)
class BiasReport:
    """Outcome of :func:`analyse_bias`.

    Attributes
    ----------
    rates : pd.DataFrame
        One row a group: ``column``, ``group``, ``n``, ``n_fake``, ``fake_rate`` (0 to 1) with its 95 % interval ``low``
        to ``high`` (see :func:`aletheia.stats.intervals.clustered_rate`), ``verdict``: ``as overall``, ``more fakes``,
        ``fewer fakes`` or ``too few to say``, and ``p``, on which it rests: of the test that the group has the share of
        all rows, adjusted for the number of groups in its column (Holm 1979); NaN where there is no verdict. The first
        row, of column ``label``, is the whole manifest.
    associations : pd.DataFrame
        One row a column: ``chi2``, Pearson's statistic of the rows; ``p`` of the test of independence from the label
        that allows for rows which are connected (see :func:`aletheia.stats.clustered_table.clustered_independence`),
        with its degrees of freedom ``dof``; ``p_adjusted`` for the number of columns (Holm 1979); ``design``, how much
        larger the statistic is by chance than for independent rows; ``cramers_v``, and ``cramers_v_corrected``, the
        same less what chance adds (Bergsma, "A bias-correction for Cramér's V and Tschuprow's T", 2013, times
        ``design``), ``n``, the share of real and of fake rows where the column is known, and a verdict: Cohen's names
        for V (negligible, small, medium, large), ``within chance`` where ``p_adjusted`` is 0.05 or more, or ``too few
        to say``.
    min_n : int
        Groups below it get no verdict.
    """

    rates: pd.DataFrame
    associations: pd.DataFrame
    min_n: int

    def cramers_v(self, column: str) -> float:
        """Look up Cramér's V between a column and the label, 0 to 1.

        It is NaN for a column that was not analysed or is known for one label only.
        """
        row = self.associations[self.associations["column"] == column]
        return float(row["cramers_v"].iloc[0]) if len(row) else float("nan")


def analyse_bias(
    df: pd.DataFrame, columns: Sequence[str] | None = None, *, min_n: int = MIN_N, confidence: float = 0.95
) -> BiasReport:
    """Compare the share of fakes between groups, and measure the association of each column with the label.

    Parameters
    ----------
    df
        A manifest.
    columns
        Columns to analyse; by default source, generator, every demographic column that is known for some row,
        and the intersections of two demographic columns.
    min_n
        A group with fewer rows gets ``too few to say`` instead of a verdict, and so does a column without two
        groups of that many.
    confidence
        Of the intervals.

    Returns
    -------
    BiasReport
        Rows where a column is unknown are left out of its figures. A generator is only known for fakes, so
        that its association with the label is not a finding and comes back as NaN.

    Raises
    ------
    InputError
        When the manifest is empty or lacks a named column.
    """
    fake = fake_flags(df)
    missing = [name for name in columns or () if name not in df.columns]
    if missing:
        raise InputError(f"The manifest has no column {missing[0]!r} to look for bias in.")
    groups, overall, totals = connected_groups(df, max_distance=None), fake.mean(), np.bincount(fake, minlength=2)
    order = rows_by_code(groups, int(groups.max()) + 1)
    fake, groups = fake[order], groups[order]
    whole = count_cells(fake, np.zeros(len(fake), dtype=np.int64), groups, 1)
    rates = [_rates("label", np.array(["(all)"], dtype=object), whole, None, overall, min_n, confidence)]
    associations = []
    for name, code, values in _encoded(df, columns, order):
        if len(values):
            cells = count_cells(fake, np.where(code >= 0, code, len(values)), groups, len(values) + 1)
            known, test = cells.of_values(len(values)), _test(cells)
            rates.append(_rates(name, values, cells, test, overall, min_n, confidence))
            test = test if len(known.size) == len(cells.size) else _test(known)
            associations.append(_association(name, known, test, totals, min_n))
    table = pd.DataFrame(associations, columns=ASSOCIATION_COLUMNS)
    table["p_adjusted"] = holm(table["p"].to_numpy(np.float64))
    table["verdict"] = [
        BY_CHANCE if verdict in _NAMES and not p < LEVEL else verdict
        for verdict, p in zip(table["verdict"], table["p_adjusted"], strict=True)
    ]
    return BiasReport(rates=pd.concat(rates, ignore_index=True), associations=table, min_n=min_n)


def _encoded(df: pd.DataFrame, columns: Sequence[str] | None, order: Array) -> Iterator[tuple[str, Array, Array]]:
    """Encode the columns to analyse one by one, their rows in an order: name, codes (n,) and values of each."""
    people: dict[str, tuple[Array, Array]] = {}
    for name in columns if columns is not None else ("source", "generator", *DEMOGRAPHICS):
        if name in df.columns:
            codes, values = encode(df[name])
            # Small numbers: of ten million rows each column would take 80 MB.
            codes = codes.astype(np.min_scalar_type(-len(values) - 1))[order]
            yield name, codes, values
            if columns is None and name in DEMOGRAPHICS and len(values):
                people[name] = codes, values
    for first, second in itertools.combinations(people, 2):
        yield f"{first} × {second}", *_intersection(people[first], people[second])


def _intersection(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]:
    (a, a_values), (b, b_values) = first, second
    size = len(a_values) * len(b_values)
    dtype = np.min_scalar_type(-size - 2)
    both = np.where((a >= 0) & (b >= 0), a.astype(dtype) * dtype.type(len(b_values)) + b, dtype.type(-1))
    used, codes = renumber(both.astype(dtype, copy=False), size)
    names = [f"{a_values[i // len(b_values)]}, {b_values[i % len(b_values)]}" for i in used]
    return codes.astype(dtype), np.array(names, dtype=object)


def _rates(
    column: str,
    names: Array,
    cells: Cells,
    test: ClusteredTest | None,
    overall: float,
    min_n: int,
    confidence: float,
) -> pd.DataFrame:
    """Compare the values of a column, of which cells hold one more for the rows where it is unknown, with all rows."""
    k = len(names)
    n, n_fake = (
        np.bincount(cells.value, counts, minlength=k)[:k].astype(np.int64) for counts in (cells.size, cells.hit)
    )
    rate, low, high = (limits[:k] for limits in clustered_rates(cells, confidence))
    p = np.full(k, np.nan) if test is None else test.p_values[:k]
    p = holm(np.where(n >= min_n, p, np.nan))
    found = p < 1 - confidence
    verdict = np.select(
        [n < min_n, found & (rate > overall), found & (rate < overall)],
        [TOO_FEW, "more fakes", "fewer fakes"],
        default="as overall",
    )
    values = (column, list(names), n, n_fake, rate, low, high, verdict, p)
    return pd.DataFrame(dict(zip(RATE_COLUMNS, values, strict=True)))


def _test(cells: Cells) -> ClusteredTest | None:
    """Test a column against the label; None where either is constant. The rarest of very many values are pooled."""
    sizes = np.bincount(cells.value, cells.size, minlength=cells.n_values)
    used = np.flatnonzero(sizes)
    if len(used) < 2 or cells.hit.sum() in (0, sizes.sum()):
        return None
    common = np.sort(used[np.argsort(-sizes[used], kind="stable")[:_MAX_VALUES]])
    place = np.full(cells.n_values, len(common))
    place[common] = np.arange(len(common))
    n_values = len(common) + (len(used) > len(common))
    test = clustered_independence(cells._replace(value=place[cells.value], n_values=n_values))
    p_values = np.full(cells.n_values, np.nan)
    p_values[common] = test.p_values[: len(common)]
    return dataclasses.replace(test, p_values=p_values)


def _association(column: str, cells: Cells, test: ClusteredTest | None, totals: Array, min_n: int) -> dict[str, object]:
    counts = [np.bincount(cells.value, weights, minlength=cells.n_values) for weights in (cells.size, cells.hit)]
    table = np.stack([counts[0] - counts[1], counts[1]], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share_known = table.sum(axis=0) / totals
    row: dict[str, object] = dict.fromkeys(ASSOCIATION_COLUMNS, float("nan"))
    row |= {"column": column, "n": int(table.sum()), "known_real": share_known[0], "known_fake": share_known[1]}
    if column == "generator":
        return row | {"verdict": "only fakes have a generator"}
    used = table[:, table.sum(axis=0) > 0]
    if used.shape[1] < 2:
        return row | {"verdict": "known for one label only"}
    if len(used) < 2:  # a constant is independent of the label
        return row | {"cramers_v": 0.0, "cramers_v_corrected": 0.0, "verdict": "one group only"}
    return row | _effect(used, test, min_n)


def _effect(used: Array, test: ClusteredTest | None, min_n: int) -> dict[str, object]:
    """Name the strength of an association in a table (values, 2) of counts, each row and column with some."""
    row: dict[str, object] = {}
    total = used.sum()
    expected = _expected(used)
    statistic = float(((used - expected) ** 2 / expected).sum())
    dof = len(used) - 1
    v = min(1.0, float(np.sqrt(statistic / total)))
    row |= {"chi2": statistic, "dof": dof, "cramers_v": v}
    design = 1.0
    if test is not None and np.isfinite(test.p):
        row |= {"dof": test.dof, "p": test.p, "design": test.design}
        design = test.design
    if total > 2:
        shrunk = max(0.0, statistic / total - design * dof / (total - 1))
        sides = (len(used) - dof**2 / (total - 1), 2 - 1 / (total - 1))
        row["cramers_v_corrected"] = min(1.0, float(np.sqrt(shrunk / max(min(sides) - 1, 1e-9))))
    # The verdict is about labels and groups that are large enough; Cochran's rule: the test's approximation
    # does not hold when many expected counts are below 5.
    enough = used[used.sum(axis=1) >= min_n]
    if (
        "p" not in row
        or used.sum(axis=0).min() < min_n
        or len(enough) < 2
        or ((enough.sum(axis=0) > 0).all() and (_expected(enough) < 5).mean() > 0.2)
    ):
        return row | {"verdict": TOO_FEW}
    return row | {"verdict": next(name for least, name in _EFFECTS if v >= least)}


def _expected(table: Array) -> Array:
    expected: Array = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    return expected
