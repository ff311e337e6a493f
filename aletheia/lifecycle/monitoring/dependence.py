"""Whether answers come in no order, which the stated rate of false alarms rests on, and what helps where they do not.

Means of answers in a row vary as their number says if the answers come in no order, and more if a caller sends many, or
if days and nights differ: by the variance inflation of block means (as the batch means of simulation: Law, "Simulation
Modeling and Analysis", section 9.5).
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from aletheia.core.arrays import Array
from aletheia.lifecycle.monitoring.drift import SPACING, column_words, drift_columns, space_out

#: Answers in a row whose means are looked at, and how few blocks of them say nothing.
BLOCK, LEAST_BLOCKS = 50, 20
#: How much more these means may vary than those of answers in no order, before it is said.
LIMIT = 2.0
#: Seconds between answers that are tried.
SPACINGS = (60.0, 600.0, 3600.0)
_MOST = 20_000  # answers that are looked at, the latest


@dataclasses.dataclass(frozen=True)
class Dependence:
    """Answers that come in an order: those in a row resemble each other.

    Attributes
    ----------
    version, column : str
        Of the model, and the column of the log that shows it most.
    inflation : float
        Variance of the means of `BLOCK` answers in a row, as a multiple of what it were without an order.
    spacing, by_hour
        Options with which there is no order left, or too few answers to see one.
    """

    version: str
    column: str
    inflation: float
    spacing: float
    by_hour: bool

    @property
    def sentence(self) -> str:
        """The finding in words, with the remedy."""
        options = [f"--spacing {self.spacing / 60:g}m"] if self.spacing != SPACING else []
        return (
            f"Answers of version {self.version} come in an order: means of {BLOCK} in a row vary {self.inflation:.1f} "
            f"times as much as without one (most the {column_words(self.column)}), so that there may be more false "
            f"alarms than one a month. Try {' '.join([*options, *['--by-hour'] * self.by_hour])}."
        )


def find_dependence(log: pd.DataFrame, *, spacing: float = SPACING, by_hour: bool = False) -> list[Dependence]:
    """Find versions whose answers come in an order, and the mildest options that leave none.

    A change is an order, too: what is found at a time without any is meant.

    Parameters
    ----------
    log : DataFrame
        See `aletheia.lifecycle.prediction_log.reading.read_log`.
    spacing, by_hour
        As `aletheia.lifecycle.monitoring.drift.find_drift`.
    """
    found = []
    faces = log[(log["error"] == "") & (log["faces"] > 0)]
    for version, rows in faces.groupby("version", sort=False):
        last = rows.iloc[-_MOST:]
        times = (last["time"] - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy()
        columns = drift_columns(last)
        worst = _worst(columns, times, spacing, by_hour)
        if worst is None:
            continue
        tried = [(s, hour) for s in (spacing, *(s for s in SPACINGS if s > spacing)) for hour in (by_hour, True)]
        helps = next((option for option in tried if _worst(columns, times, *option) is None), tried[-1])
        found.append(Dependence(str(version), *worst, *helps))
    return found


def _worst(columns: dict[str, Array], times: Array, spacing: float, by_hour: bool) -> tuple[str, float] | None:
    """Return the column with the largest inflation beyond the limit; None if there is none, or too few answers."""
    chosen = space_out(times, spacing)[0]
    hours = (times[chosen] // 3600 % 24).astype(int)
    found = {name: _inflation(values[chosen], hours if by_hour else None) for name, values in columns.items()}
    name = max(found, key=lambda key: found[key])
    blocks = max(int(chosen.sum()) // BLOCK, 1)
    # Of so few blocks the variance is known to within a standard error of sqrt(2 / blocks).
    return (name, found[name]) if found[name] > LIMIT * (1 + 3 * np.sqrt(2 / blocks)) else None


def _inflation(values: Array, hours: Array | None) -> float:
    """Return the variance inflation of means of the ranks of values (n,); by the hour after taking its mean off."""
    known = np.isfinite(values)
    blocks = int(known.sum()) // BLOCK
    if blocks < LEAST_BLOCKS:
        return 0.0
    ranks = rankdata(values[known])[: blocks * BLOCK]
    if hours is not None:
        hour = hours[known][: blocks * BLOCK]
        sums, counts = np.bincount(hour, ranks, 24), np.maximum(np.bincount(hour, minlength=24), 1)
        ranks = ranks - (sums / counts)[hour]
    spread = ranks.var()
    return float(BLOCK * ranks.reshape(blocks, BLOCK).mean(axis=1).var(ddof=1) / spread) if spread else 0.0
