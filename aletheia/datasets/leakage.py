"""Leaks between the parts of a split."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.datasets.groups import LINKING_COLUMNS, connected_groups
from aletheia.datasets.schema import PARTS
from aletheia.stats.categorical import encode


def check_leakage(df: pd.DataFrame, *, max_distance: int = 4) -> pd.DataFrame:
    """Find identities, videos, files and near duplicates that are in more than one part of a split.

    Parameters
    ----------
    df
        A manifest with ``split``; rows without one are left out.
    max_distance
        Bits for near duplicates.

    Returns
    -------
    pd.DataFrame
        One row a leak: ``kind`` (path, identity, video, pair, original, sha256, near duplicate, pool),
        ``value``, ``splits``, ``rows`` (how many) and ``example`` (a path). Empty when nothing leaks. A
        ``pool`` leak is a row of a balancing pool (column ``pool``, see :mod:`aletheia.datasets.balance`) outside
        of train.
    """
    names = ["kind", "value", "splits", "rows", "example"]
    codes, values = encode(df["split"])
    df, codes = df[codes >= 0], codes[codes >= 0]
    sides = np.array([PARTS.index(value) for value in values], dtype=np.int64)[codes]
    leaks: list[dict[str, object]] = []
    for kind in ("path", *LINKING_COLUMNS):
        if kind in df.columns:
            codes, values = encode(df[kind])
            leaks += _crossing(kind, codes, values, sides, df)
    if "phash" in df.columns and len(df):
        phash = df["phash"].to_numpy()
        component = connected_groups(pd.DataFrame({"phash": phash}), max_distance=max_distance)
        codes = np.where(np.bincount(component)[component] > 1, component, -1)
        first = np.zeros(component.max(initial=0) + 1, dtype=np.uint64)
        first[component[::-1]] = phash[::-1]
        leaks += _crossing("near duplicate", codes, np.array([f"{h:016x}" for h in first], dtype=object), sides, df)
    if "pool" in df.columns:
        codes, values = encode(df["pool"])
        for i in np.unique(codes[(codes >= 0) & (sides > 0)]):
            rows = np.flatnonzero((codes == i) & (sides > 0))
            parts = ", ".join(PARTS[s] for s in np.unique(sides[rows]))
            leaks.append(dict(zip(names, ("pool", values[i], parts, len(rows), df["path"].iloc[rows[0]]), strict=True)))
    return pd.DataFrame(leaks, columns=names)


def _crossing(kind: str, codes: Array, values: Array, sides: Array, df: pd.DataFrame) -> list[dict[str, object]]:
    is_known = codes >= 0
    if not is_known.any():
        return []
    n = len(PARTS)
    counts = np.bincount(codes[is_known] * n + sides[is_known], minlength=n * len(values)).reshape(-1, n)
    crossing = np.flatnonzero((counts > 0).sum(axis=1) > 1)
    example = np.zeros(len(values), dtype=np.int64)
    example[codes[is_known][::-1]] = np.flatnonzero(is_known)[::-1]
    return [
        {
            "kind": kind,
            "value": values[i],
            "splits": ", ".join(PARTS[s] for s in np.flatnonzero(counts[i])),
            "rows": int(counts[i].sum()),
            "example": df["path"].iloc[example[i]],
        }
        for i in crossing
    ]
