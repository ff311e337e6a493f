"""The same model seen group by group: per demographic value, per generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aletheia.errors import InputError
from aletheia.evaluation.bootstrap import GroupedScores, draw_counts, percentile_interval
from aletheia.evaluation.intervals import clustered_rate
from aletheia.evaluation.metrics import group_ids

DEMOGRAPHICS = ("gender", "age", "skin_tone", "ethnicity")
TOO_FEW = "too few to say"
_RATES = ("fpr", "fnr")


def subgroup_table(
    frame: pd.DataFrame,
    y: np.ndarray,
    p: np.ndarray,
    threshold: float,
    columns: Sequence[str] | None = None,
    *,
    groups: np.ndarray | None = None,
    min_n: int = 20,
    replicates: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """AUC, false-positive and false-negative rate for each value of each demographic column.

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
    min_n : int
        A rate is given when at least so many rows stand behind it (real ones for the FPR, fake ones for the
        FNR, of both classes for the AUC), otherwise it is NaN and `verdict` says "too few to say".
    replicates, seed : int
        Of the bootstrap of the AUC.

    Returns
    -------
    DataFrame
        column, value, n, n_real, n_fake, auc, auc_low, auc_high, fpr, fpr_low, fpr_high, fnr, fnr_low,
        fnr_high, verdict.
    """
    if columns is None:
        columns = [c for c in DEMOGRAPHICS if c in frame and (frame[c].astype(str) != "").any()]
    if missing := [c for c in columns if c not in frame]:
        raise InputError(f"The manifest has no column {', '.join(missing)}.")
    ids = _ids(frame, groups)
    scored = ~np.isnan(p)
    rows = []
    for column in columns:
        values = frame[column].astype(str).to_numpy()
        for value in sorted(set(values[scored]) - {""}):
            chosen = scored & (values == value)
            numbers = _summarise(y[chosen], p[chosen], ids[chosen], threshold, min_n, replicates, seed)
            rows.append({"column": column, "value": value, **numbers})
    return pd.DataFrame(rows, columns=["column", "value", *_COLUMNS])


def generator_table(
    frame: pd.DataFrame,
    y: np.ndarray,
    p: np.ndarray,
    threshold: float,
    *,
    groups: np.ndarray | None = None,
    min_n: int = 20,
    replicates: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """Each generator's fakes against all real rows; columns as in `subgroup_table`."""
    ids = _ids(frame, groups)
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
    "fpr", "fpr_low", "fpr_high", "fnr", "fnr_low", "fnr_high", "verdict",
)  # fmt: skip


def _ids(frame: pd.DataFrame, groups: np.ndarray | None) -> np.ndarray:
    return np.arange(len(frame)) if groups is None else group_ids(np.asarray(groups, dtype=object))


def _summarise(
    y: np.ndarray, p: np.ndarray, ids: np.ndarray, threshold: float, min_n: int, replicates: int, seed: int
) -> dict[str, float | int | str]:
    real, fake, called = y == 0, y == 1, p >= threshold
    out: dict[str, float | int | str] = {"n": len(y), "n_real": int(real.sum()), "n_fake": int(fake.sum())}
    nan = float("nan")
    out |= {"auc": nan, "auc_low": nan, "auc_high": nan}
    enough = {"fpr": out["n_real"] >= min_n, "fnr": out["n_fake"] >= min_n}
    if all(enough.values()):
        data = GroupedScores(y, p, ids)
        out["auc"] = float(data.ranking_metrics(np.ones(data.n_groups))[0])
        counts = draw_counts(data.n_groups, replicates, np.random.default_rng(seed))
        draws = np.array([data.ranking_metrics(row)[0] for row in counts])
        out["auc_low"], out["auc_high"] = percentile_interval(draws, 0.95)
    for name, chosen, hit in (("fpr", real, called), ("fnr", fake, ~called)):
        rate = clustered_rate(hit[chosen], ids[chosen])
        known = enough[name]
        out |= {name: rate.value if known else nan}
        out |= {f"{name}_low": rate.low if known else nan, f"{name}_high": rate.high if known else nan}
    out["verdict"] = "; ".join(f"{name}: {TOO_FEW}" for name in _RATES if not enough[name])
    return out
