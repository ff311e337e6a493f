"""The search for changes in the rows that the dashboard reads, and what is now beside what was at the beginning."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.lifecycle.monitoring.drift import LOGARITHMS, WEIGHTS, Drift, VersionStream
from aletheia.stats.change_detection import REFERENCE

#: Compared answers that are "now".
RECENT = 50
_NO_SPREAD = 1e-9  # of values that are all alike, but for rounding


class DriftTracker:
    """The search of `aletheia.lifecycle.monitoring.drift.find_drift` in a log that grows.

    Attributes
    ----------
    versions : dict of str to TrackedVersion
        In order of first appearance.
    drifts : list of Drift
        All changes, in order of time.
    """

    def __init__(self) -> None:
        self.versions: dict[str, TrackedVersion] = {}
        self.drifts: list[Drift] = []

    def update(self, log: pd.DataFrame) -> list[Drift]:
        """Take the next rows, in order of time; return the changes that are noticed with them."""
        found: list[Drift] = []
        for name, rows in log[(log["error"] == "") & (log["faces"] > 0)].groupby("version", sort=False):
            version = self.versions.setdefault(str(name), TrackedVersion(str(name)))
            found += version.update(rows)
        self.drifts = sorted([*self.drifts, *found], key=lambda drift: drift.noticed)
        return found

    @property
    def compared(self) -> dict[str, int]:
        """Compared answers by version."""
        return {name: version.rows for name, version in self.versions.items()}


class TrackedVersion:
    """The answers of one version: the search, its first compared answers since the last change, and the last ones.

    Parameters
    ----------
    version : str
    """

    def __init__(self, version: str) -> None:
        self._stream = VersionStream(version)
        self._first = self._last = np.empty((0, len(WEIGHTS)))

    @property
    def rows(self) -> int:
        """Compared answers."""
        return self._stream.detector.rows

    @property
    def compared(self) -> int:
        """Compared answers since the last change."""
        return self._stream.detector.rows - self._stream.detector.start

    @property
    def is_watching(self) -> bool:
        """Whether there are enough answers to compare further ones with."""
        return self._stream.detector.is_watching

    @property
    def evidence(self) -> dict[str, float]:
        """Of each column, as a share of what reports a change."""
        return self._stream.detector.evidence

    def update(self, rows: pd.DataFrame) -> list[Drift]:
        """Take the next rows of this version, in order of time; return the changes that are noticed with them."""
        columns, times = self._stream.choose(rows)
        before = self.rows
        found = self._stream.compare(columns, times)
        table = np.column_stack([columns[name] for name in WEIGHTS])
        if found:
            table = table[self._stream.detector.start - before :]
            self._first = self._last = table[:0]
        missing = REFERENCE - len(self._first)
        self._first = np.concatenate([self._first, table[:missing]])
        self._last = np.concatenate([self._last, table[missing:]])[-RECENT:]
        return found

    def levels(self) -> dict[str, dict[str, float]]:
        """Compare what is now with the beginning.

        Returns
        -------
        dict of str to dict
            By column, in its own unit: ``before`` (mean of the first answers, since the last change) and ``now`` (mean
            of the last ones), geometric means of sizes, scales and distances as in `Drift`; and ``shift``, their
            difference in standard deviations of the first ones (of logarithms where these are compared). NaN where
            unknown.
        """
        result = {}
        for name, first, last in zip(WEIGHTS, self._first.T, self._last.T, strict=True):
            before, now, spread = _mean(first), _mean(last), _spread(first)
            shift = (now - before) / spread if spread > _NO_SPREAD else float("nan")
            if name in LOGARITHMS:
                before, now = float(np.exp(before)), float(np.exp(now))
            result[name] = {"before": before, "now": now, "shift": shift}
        return result


def _spread(values: Array) -> float:
    known = values[np.isfinite(values)]
    with np.errstate(over="ignore", invalid="ignore"):
        return float(known.std()) if len(known) else 0.0


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
