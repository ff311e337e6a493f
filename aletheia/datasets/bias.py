"""Bias analysis of a manifest: the share of fakes by source, generator and group of people."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.schema import DEMOGRAPHICS
from aletheia.stats.categorical import cross_table, encode, renumber
from aletheia.stats.intervals import wilson_limits

MIN_N = 30
TOO_FEW = "too few to say"
# Cohen, "Statistical Power Analysis for the Behavioral Sciences" (1988), section 7.2: with two labels, w equals V.
_EFFECTS = ((0.5, "large"), (0.3, "medium"), (0.1, "small"), (0.0, "negligible"))
RATE_COLUMNS = ["column", "group", "n", "n_fake", "fake_rate", "low", "high", "verdict"]
ASSOCIATION_COLUMNS = [
    "column",
    "chi2",
    "dof",
    "p",
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
        One row a group: ``column``, ``group``, ``n``, ``n_fake``, ``fake_rate`` (0 to 1) with its 95 % Wilson
        interval ``low`` to ``high``, and ``verdict``: ``as overall``, ``more fakes``, ``fewer fakes`` or
        ``too few to say``. The first row, of column ``label``, is the whole manifest.
    associations : pd.DataFrame
        One row a column: chi-squared test of independence from the label (``chi2``, ``dof``, ``p``, without
        Yates' correction), ``cramers_v``, the same corrected for small samples (Bergsma, "A bias-correction
        for Cramér's V and Tschuprow's T", 2013), ``n``, the share of real and of fake rows where the column
        is known, and a verdict (Cohen's names for V: negligible, small, medium, large; or ``too few to
        say``).
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
    codes: dict[str, tuple[Array, Array]] = {}
    for name in columns if columns is not None else ("source", "generator", *DEMOGRAPHICS):
        if name in df.columns:
            codes[name] = encode(df[name])
    if columns is None:
        people = [name for name in DEMOGRAPHICS if name in codes and len(codes[name][1])]
        for first, second in itertools.combinations(people, 2):
            codes[f"{first} × {second}"] = _intersection(codes[first], codes[second])
    totals = np.array([len(fake) - fake.sum(), fake.sum()])
    overall = fake.mean()
    rates = [_rates("label", ["(all)"], totals[None], overall, min_n, confidence)]
    associations = []
    for name, (code, values) in codes.items():
        if not len(values):
            continue
        table = cross_table(code, fake.astype(np.int64), (len(values), 2))
        is_present = table.sum(axis=1) > 0
        table = table[is_present]
        rates.append(_rates(name, values[is_present], table, overall, min_n, confidence))
        associations.append(_association(name, table, totals, min_n))
    return BiasReport(
        rates=pd.concat(rates, ignore_index=True),
        associations=pd.DataFrame(associations, columns=ASSOCIATION_COLUMNS),
        min_n=min_n,
    )


def _intersection(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]:
    (a, a_values), (b, b_values) = first, second
    both = np.where((a >= 0) & (b >= 0), a * len(b_values) + b, -1)
    used, codes = renumber(both, len(a_values) * len(b_values))
    names = [f"{a_values[i // len(b_values)]}, {b_values[i % len(b_values)]}" for i in used]
    return codes, np.array(names, dtype=object)


def _rates(
    column: str,
    groups: Sequence[str],
    table: Array,
    overall: float,
    min_n: int,
    confidence: float,
) -> pd.DataFrame:
    n, n_fake = table.sum(axis=1), table[:, 1]
    low, high = wilson_limits(n_fake, n, confidence)
    verdict = np.select(
        [n < min_n, low > overall, high < overall],
        [TOO_FEW, "more fakes", "fewer fakes"],
        default="as overall",
    )
    values = (column, list(groups), n, n_fake, n_fake / n, low, high, verdict)
    return pd.DataFrame(dict(zip(RATE_COLUMNS, values, strict=True)))


def _association(column: str, table: Array, totals: Array, min_n: int) -> dict[str, object]:
    with np.errstate(divide="ignore", invalid="ignore"):
        share_known = table.sum(axis=0) / totals
    row: dict[str, object] = dict.fromkeys(ASSOCIATION_COLUMNS, float("nan"))
    row |= {"column": column, "n": int(table.sum()), "known_real": share_known[0], "known_fake": share_known[1]}
    if column == "generator":
        return row | {"verdict": "only fakes have a generator"}
    used = table[:, table.sum(axis=0) > 0].astype(np.float64)
    if used.shape[1] < 2:
        return row | {"verdict": "known for one label only"}
    if len(used) < 2:  # a constant is independent of the label
        return row | {"cramers_v": 0.0, "cramers_v_corrected": 0.0, "verdict": "one group only"}
    total = used.sum()
    statistic = _chi_squared(used)
    dof = len(used) - 1
    v = min(1.0, float(np.sqrt(statistic / total)))
    row |= {"chi2": statistic, "dof": dof, "p": float(chi2.sf(statistic, dof)), "cramers_v": v}
    if total > 2:
        shrunk = max(0.0, statistic / total - dof / (total - 1))
        sides = (len(used) - dof**2 / (total - 1), 2 - 1 / (total - 1))
        row["cramers_v_corrected"] = min(1.0, float(np.sqrt(shrunk / max(min(sides) - 1, 1e-9))))
    # The verdict is about labels and groups that are large enough; Cochran's rule: the test's approximation
    # does not hold when many expected counts are below 5.
    enough = used[used.sum(axis=1) >= min_n]
    if (
        used.sum(axis=0).min() < min_n
        or len(enough) < 2
        or ((enough.sum(axis=0) > 0).all() and (_expected(enough) < 5).mean() > 0.2)
    ):
        return row | {"verdict": TOO_FEW}
    return row | {"verdict": next(name for least, name in _EFFECTS if v >= least)}


def _expected(table: Array) -> Array:
    expected: Array = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    return expected


def _chi_squared(table: Array) -> float:
    expected = _expected(table)
    return float(((table - expected) ** 2 / expected).sum())
