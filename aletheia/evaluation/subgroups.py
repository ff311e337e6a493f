"""Metrics by subgroup: for each demographic value, their intersections, and each generator."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.datasets.age_bins import age_bin
from aletheia.stats.bootstrap import percentile_interval
from aletheia.stats.calibration_error import BinnedErrors
from aletheia.stats.categorical import encode
from aletheia.stats.clustered_auc import clustered_auc
from aletheia.stats.estimate import Estimate
from aletheia.stats.intervals import clustered_rate
from aletheia.stats.scored_set import ScoredSet

DEMOGRAPHICS = ("gender", "age", "skin_tone", "ethnicity")
#: Separates the names of two columns, and of two of their values, in the rows of an intersection.
AND = " × "
TOO_FEW = "too few to say"
#: People of a group from whom a rate is given. Its interval holds the truth in 98 % of cases with 4 to 12 people
#: (``make bench-stats``), and is as wide as .32 with 6.
MIN_PEOPLE = 6


def subgroup_table(
    frame: pd.DataFrame,
    scored: ScoredSet,
    columns: Sequence[str] | None = None,
    *,
    intersections: bool = True,
    min_people: int = MIN_PEOPLE,
    replicates: int = 500,
) -> pd.DataFrame:
    """Compute AUC, error rates and calibration error for each value of each demographic column, and of each two.

    Parameters
    ----------
    frame : DataFrame
        (n rows) the manifest.
    scored : ScoredSet
        The same n rows; those without a probability are left out.
    columns : sequence of str, optional
        By default the demographic columns that hold anything.
    intersections : bool
        Add rows such as "gender × skin_tone", "woman × dark" for each two columns, where both values are known: a
        model may treat every gender and every skin tone alike on average and fail a pair of both (Buolamwini and Gebru,
        "Gender Shades", FAT* 2018). Those with too few rows for any rate are left out.
    min_people : int
        A rate is given when it rests on at least so many people, or where they are unknown groups of rows (with real
        rows for the FPR, with fake ones for the FNR, of both classes for the AUC and the calibration error), otherwise
        it is NaN and `verdict` says "too few to say": twenty pictures of one person say nothing about a group.
    replicates : int
        Of the bootstrap of the AUC and of the calibration error.

    Returns
    -------
    DataFrame
        column, value, n, n_real, n_fake, auc, auc_low, auc_high, fpr, fpr_low, fpr_high, fnr, fnr_low,
        fnr_high, ece, ece_low, ece_high, ece_expected (the value that chance alone would give on these rows, see
        `aletheia.stats.calibration_error`), verdict.

    Raises
    ------
    InputError
        When the manifest lacks one of the columns.
    """
    people = people_ids(frame, scored)
    is_scored, scored = scored.is_scored, scored.dropna()
    rows = []
    for column, texts in demographic_values(frame, columns, intersections=intersections).items():
        codes, values = encode(pd.Series(texts[is_scored], dtype=object))
        for code, value in enumerate(values):
            chosen = codes == code
            part, counts = scored.select(chosen), _count_people(scored.fake[chosen], people[chosen])
            if AND in column and max(counts) < min_people:
                continue
            rows.append({"column": column, "value": value, **_summarise(part, counts, min_people, replicates)})
    return pd.DataFrame(rows, columns=["column", "value", *_COLUMNS])


def people_ids(frame: pd.DataFrame, scored: ScoredSet) -> Array:
    """Return a number for the person of each row that has a probability: the identity, else the unit.

    Parameters
    ----------
    frame : DataFrame
        (n rows) the manifest.
    scored : ScoredSet
        The same n rows.

    Returns
    -------
    ndarray
        (rows with a probability,) int.
    """
    units = scored.ids.astype(str).astype(object)
    if "identity" in frame:
        identity = frame["identity"].astype(str).to_numpy(dtype=object)
        units = np.where(identity == "", units, "identity " + identity)
    ids: Array = np.unique(units[scored.is_scored].astype(str), return_inverse=True)[1]
    return ids


def _count_people(fake: Array, people: Array) -> tuple[int, int]:
    """Count the people with real rows, and those with fake ones."""
    return len(np.unique(people[~fake])), len(np.unique(people[fake]))


def demographic_values(
    frame: pd.DataFrame, columns: Sequence[str] | None = None, *, intersections: bool = False
) -> dict[str, Array]:
    """Return the demographic values of each row, by column and, optionally, for each two columns together.

    Parameters
    ----------
    frame : DataFrame
        (n rows) the manifest.
    columns : sequence of str, optional
        By default the demographic columns that hold anything.
    intersections : bool
        Add each two columns.

    Returns
    -------
    dict of str to ndarray
        (n,) str, '' where unknown; for two columns where either is. Ages come in the bins of
        `aletheia.datasets.age_bins`.

    Raises
    ------
    InputError
        When the manifest lacks one of the columns.
    """
    if columns is None:
        columns = [c for c in DEMOGRAPHICS if c in frame and (frame[c].astype(str) != "").any()]
    if missing := [c for c in columns if c not in frame]:
        raise InputError(f"The manifest has no column {', '.join(missing)}.")
    values = {column: frame[column].astype(str).to_numpy(dtype=object) for column in columns}
    if "age" in values:
        texts, place = np.unique(values["age"].astype(str), return_inverse=True)
        values["age"] = np.array([age_bin(text) for text in texts], dtype=object)[place]
    if intersections:
        for a, b in itertools.combinations(columns, 2):
            is_known = (values[a] != "") & (values[b] != "")
            values[f"{a}{AND}{b}"] = np.where(is_known, values[a] + AND + values[b], "")
    return values


def generator_table(
    frame: pd.DataFrame, scored: ScoredSet, *, min_people: int = MIN_PEOPLE, replicates: int = 500
) -> pd.DataFrame:
    """Compute the same for each generator's fakes against all real rows; columns as in `subgroup_table`."""
    names, people = frame["generator"].astype(str).to_numpy()[scored.is_scored], people_ids(frame, scored)
    scored = scored.dropna()
    rows = []
    for name in sorted(set(names[scored.fake])):
        chosen = ~scored.fake | (names == name)
        counts = _count_people(scored.fake[chosen], people[chosen])
        numbers = _summarise(scored.select(chosen), counts, min_people, replicates)
        rows.append({"column": "generator", "value": name or "(unknown)", **numbers})
    return pd.DataFrame(rows, columns=["column", "value", *_COLUMNS])


_COLUMNS = (
    "n", "n_real", "n_fake", "auc", "auc_low", "auc_high",
    "fpr", "fpr_low", "fpr_high", "fnr", "fnr_low", "fnr_high", "ece", "ece_low", "ece_high", "ece_expected", "verdict",
)  # fmt: skip


def _summarise(scored: ScoredSet, people: tuple[int, int], min_people: int, replicates: int) -> dict[str, float | str]:
    fake, called, nan = scored.fake, scored.called, float("nan")
    n_real, n_fake = int((~fake).sum()), int(fake.sum())
    out: dict[str, float | str] = {"n": len(scored), "n_real": n_real, "n_fake": n_fake}
    out |= dict.fromkeys(("auc", "auc_low", "auc_high", "ece", "ece_low", "ece_high", "ece_expected"), nan)
    if min(people) >= min_people:
        out |= _auc_and_calibration(scored, replicates)
    too_few = []
    for name, count, rows, hit in (("fpr", people[0], ~fake, called), ("fnr", people[1], fake, ~called)):
        rate = clustered_rate(hit[rows], scored.ids[rows]) if count >= min_people else Estimate(nan)
        out |= rate.to_columns(name)
        if count < min_people:
            too_few.append(f"{name}: {TOO_FEW}")
    return out | {"verdict": "; ".join(too_few)}


def _auc_and_calibration(scored: ScoredSet, replicates: int) -> dict[str, float]:
    errors = BinnedErrors(scored)
    draws = np.array([errors.error(counts) for counts in scored.draw_counts(replicates)])
    error = Estimate(errors.error(np.ones(errors.n_groups)), *percentile_interval(draws, 0.95))
    auc = clustered_auc(scored.y, scored.p, scored.ids).estimate()
    return auc.to_columns("auc") | error.to_columns("ece") | {"ece_expected": errors.expected()}
