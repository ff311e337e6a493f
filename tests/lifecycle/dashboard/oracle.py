"""The numbers of an interval, counted again by pandas from the rows that a log returns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aletheia.lifecycle.monitoring.traffic import FAULTS


def intervals(log: pd.DataFrame, begin: float, end: float, length: float) -> dict[int, pd.DataFrame]:
    """Rows of each interval that has any, by its number."""
    seconds = log["time"].astype("int64") / 1e9
    within = log[(seconds >= begin) & (seconds < end)]
    number = ((seconds[within.index] - begin) // length).astype(int)
    return {int(n): rows for n, rows in within.groupby(number)}


def column(groups: dict[int, pd.DataFrame], count: int, value, empty: float = 0.0) -> np.ndarray:
    """One value an interval."""
    return np.array([value(groups[n]) if n in groups else empty for n in range(count)], dtype=float)


def answered(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["error"] == ""]


def with_face(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["error"] == "") & (rows["faces"] > 0)]


def faults(rows: pd.DataFrame) -> int:
    return int(rows["error"].isin(FAULTS).sum())
