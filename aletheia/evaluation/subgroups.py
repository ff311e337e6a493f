"""The same model seen group by group: per demographic value, per generator."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.stats.bootstrap import GroupedScores, draw_counts, percentile_interval
from aletheia.stats.calibration_error import BinnedErrors
from aletheia.stats.categorical import encode
from aletheia.stats.intervals import clustered_rate, perfect_auc_limits
from aletheia.stats.metrics import unit_ids

DEMOGRAPHICS = ("gender", "age", "skin_tone", "ethnicity")
#: Between the names of two columns, and of two of their values, in the rows of an intersection.
AND = " × "
TOO_FEW = "too few to say"
_RATES = ("fpr", "fnr")


def subgroup_table(
    frame: pd.DataFrame,
    y: Array,
    p: Array,
    threshold: float,
    columns: Sequence[str] | None = None,
    *,
    groups: Array | None = None,
    intersections: bool = True,
    min_n: int = 20,
    replicates: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """AUC, error rates and calibration error for each value of each demographic column, and of each two of them.

    Parameters
    ----------
    frame : DataFrame
        (n rows) the manifest.
    y, p : ndarray
        (n,) labels (1 for fake) and probabilities; NaN rows are left out.
    threshold : float
        The deployed one.
    columns : sequence of str, optional
        By default the demographic columns that hold anything.
    groups : ndarray, optional
        (n,) the unit of the intervals (identity, video).
    intersections : bool
        Add rows such as "gender × skin_tone", "woman × dark" for each two columns, where both values are known: a
        model may treat every gender and every skin tone alike on average and fail one of both (Buolamwini and Gebru,
        "Gender Shades", FAT* 2018). Those with too few rows for any rate are left out.
    min_n : int
        A rate is given when at least so many rows stand behind it (real ones for the FPR, fake ones for the
        FNR, of both classes for the AUC and the calibration error), otherwise it is NaN and `verdict` says
        "too few to say".
    replicates, seed : int
        Of the bootstrap of the AUC and of the calibration error.

    Returns
    -------
    DataFrame
        column, value, n, n_real, n_fake, auc, auc_low, auc_high, fpr, fpr_low, fpr_high, fnr, fnr_low,
        fnr_high, ece, ece_low, ece_high, ece_expected (what chance alone would show on these rows, see
        `aletheia.stats.calibration_error`), verdict.

    Raises
    ------
    InputError
        When the manifest lacks one of the columns.
    """
    ids = unit_ids(groups, len(frame))
    scored = ~np.isnan(p)
    y, p, ids = y[scored], p[scored], ids[scored]
    rows = []
    for column, texts in demographic_values(frame, columns, intersections=intersections).items():
        codes, values = encode(pd.Series(texts[scored], dtype=object))
        for code, value in enumerate(values):
            chosen = codes == code
            if AND in column and max(np.bincount(y[chosen].astype(np.int64))) < min_n:
                continue
            numbers = _summarise(y[chosen], p[chosen], ids[chosen], threshold, min_n, replicates, seed)
            rows.append({"column": column, "value": value, **numbers})
    return pd.DataFrame(rows, columns=["column", "value", *_COLUMNS])


def demographic_values(
    frame: pd.DataFrame, columns: Sequence[str] | None = None, *, intersections: bool = False
) -> dict[str, Array]:
    """What the manifest says of each row, column by column and, if wanted, for each two columns together.

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
        (n,) str, '' where unknown; for two columns where either is.

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
    if intersections:
        for a, b in itertools.combinations(columns, 2):
            known = (values[a] != "") & (values[b] != "")
            values[f"{a}{AND}{b}"] = np.where(known, values[a] + AND + values[b], "")
    return values


def generator_table(
    frame: pd.DataFrame,
    y: Array,
    p: Array,
    threshold: float,
    *,
    groups: Array | None = None,
    min_n: int = 20,
    replicates: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """Each generator's fakes against all real rows; columns as in `subgroup_table`."""
    ids = unit_ids(groups, len(frame))
    scored = ~np.isnan(p)
    names = frame["generator"].astype(str).to_numpy()
    fake = np.asarray(y) == 1
    rows = []
    for name in sorted(set(names[scored & fake])):
        chosen = scored & (~fake | (names == name))
        numbers = _summarise(y[chosen], p[chosen], ids[chosen], threshold, min_n, replicates, seed)
        rows.append({"column": "generator", "value": name or "(unknown)", **numbers})
    return pd.DataFrame(rows, columns=["column", "value", *_COLUMNS])


_COLUMNS = (
    "n", "n_real", "n_fake", "auc", "auc_low", "auc_high",
    "fpr", "fpr_low", "fpr_high", "fnr", "fnr_low", "fnr_high", "ece", "ece_low", "ece_high", "ece_expected", "verdict",
)  # fmt: skip


def _summarise(
    y: Array, p: Array, ids: Array, threshold: float, min_n: int, replicates: int, seed: int
) -> dict[str, float | int | str]:
    real, fake, called = y == 0, y == 1, p >= threshold
    out: dict[str, float | int | str] = {"n": len(y), "n_real": int(real.sum()), "n_fake": int(fake.sum())}
    nan = float("nan")
    out |= dict.fromkeys(("auc", "auc_low", "auc_high", "ece", "ece_low", "ece_high", "ece_expected"), nan)
    enough = {"fpr": out["n_real"] >= min_n, "fnr": out["n_fake"] >= min_n}
    if all(enough.values()):
        out |= _auc_and_calibration(y, p, ids, replicates, seed)
    for name, chosen, hit in (("fpr", real, called), ("fnr", fake, ~called)):
        rate = clustered_rate(hit[chosen], ids[chosen])
        known = enough[name]
        out |= {name: rate.value if known else nan}
        out |= {f"{name}_low": rate.low if known else nan, f"{name}_high": rate.high if known else nan}
    out["verdict"] = "; ".join(f"{name}: {TOO_FEW}" for name in _RATES if not enough[name])
    return out


def _auc_and_calibration(y: Array, p: Array, ids: Array, replicates: int, seed: int) -> dict[str, float]:
    data, errors = GroupedScores(y, p, ids), BinnedErrors(y, p, ids)
    ones = np.ones(data.n_groups)
    out = {"auc": data.auc(ones), "ece": errors.error(ones), "ece_expected": errors.expected(seed)}
    counts = draw_counts(data.n_groups, replicates, np.random.default_rng(seed))
    draws = np.array([(data.auc(row), errors.error(row)) for row in counts]).reshape(-1, 2)
    for name, column in zip(("auc", "ece"), draws.T, strict=True):
        out[f"{name}_low"], out[f"{name}_high"] = percentile_interval(column, 0.95)
    if out["auc"] in (0.0, 1.0):
        out["auc_low"], out["auc_high"] = perfect_auc_limits(out["auc"], y, ids)
    return out
