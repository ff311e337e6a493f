"""Changes of what a model is asked, and of what it says, with at most one false alarm a month on average.

Every version is compared with its own first answers. See `aletheia.stats.change_detection` for the method. Answers that
follow each other closely often concern pictures of one caller, which resemble each other: of those, one is compared.
So many can at most be compared in a month that the number of rows between two false alarms can be stated in advance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.lifecycle.prediction_log.entry import STATISTICS
from aletheia.lifecycle.prediction_log.reading import EMBEDDING
from aletheia.stats.change_detection import REFERENCE, Change, ChangeDetector

#: Seconds between two answers that are compared, at least.
SPACING = 10.0
MONTH = 30 * 86_400.0  # seconds
#: Columns whose logarithms are compared: sizes and scales.
LOGARITHMS = ("megapixels", "face_size", "contrast", "distance")
#: Fields of a log that changes are looked for in, and by.
SEARCHED = ("time", "version", "error", "verdict", "faces", "probability", "megapixels", *STATISTICS, "embedding")
#: Groups of columns, each with a third of the evidence; what is in them, in the words of a report.
GROUPS = {
    "the pictures": ("megapixels", *STATISTICS),
    "what the network sees in the faces": EMBEDDING,
    "the answers": ("probability", "abstains"),
}
#: Weight of each column: the groups count alike, and so do the columns of a group.
WEIGHTS = {name: 1 / len(group) for group in GROUPS.values() for name in group}
_HOUR = 3600  # seconds
_WORDS = {
    "megapixels": "size of the pictures (megapixels)",
    "face_size": "size of the faces (pixels)",
    "detection_score": "confidence of the face detector",
    "luma": "brightness of the faces (0 to 255)",
    "contrast": "contrast of the faces",
    "sharpness": "sharpness of the faces (log)",
    "distance": "distance from the training faces",
    "probability": "probability of fake",
    "abstains": "share of “cannot tell”",
}


@dataclasses.dataclass(frozen=True)
class Drift:
    """A change.

    Attributes
    ----------
    version : str
        Of the model.
    since, noticed : str
        When it seems to have begun, and when it was certain enough; ISO 8601, UTC.
    answers : int
        Compared answers between the two.
    group, column : str
        What changed most: one of `GROUPS`, and the column of the log.
    before, after : float
        Mean of the column up to the change, and from then until it was noticed; of sizes, scales and distances the
        geometric mean.
    share : float
        Share of the evidence that this column has, 0 to 1.
    """

    version: str
    since: str
    noticed: str
    answers: int
    group: str
    column: str
    before: float
    after: float
    share: float

    @property
    def sentence(self) -> str:
        """The change in words."""
        what = column_words(self.column)
        return (
            f"Since {_minute(self.since)} the {what} is {self.after:.3g} on average, {self.before:.3g} before "
            f"(noticed {_minute(self.noticed)}, after {self.answers:,} compared answers of version {self.version})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain values, with the sentence."""
        return {**dataclasses.asdict(self), "sentence": self.sentence}


def column_words(column: str) -> str:
    """Return what a column of the log is, in words."""
    group = next(group for group, names in GROUPS.items() if column in names)
    return _WORDS.get(column, f"{group} ({column.replace('_', ' ')})")


def find_drift(
    log: pd.DataFrame, *, spacing: float = SPACING, reference: int = REFERENCE, by_hour: bool = False, seed: int = 0
) -> tuple[list[Drift], dict[str, int]]:
    """Find the changes in a log that is known as a whole; `aletheia.lifecycle.monitoring.drift_watch` goes on with one.

    Parameters
    ----------
    log : DataFrame
        See `aletheia.lifecycle.prediction_log.reading.read_log`.
    spacing : float
        Seconds between two answers that are compared, at least; above 0.
    reference : int
        Compared answers at the beginning of a version that others are measured against, at least; by the hour, of each
        hour of the day a fifth of them.
    by_hour : bool
        Whether answers are compared with those of the same hour of the day (UTC) alone: where days and nights differ
        much, everything else would be a change twice a day.
    seed : int
        For ties.

    Returns
    -------
    tuple
        The changes, in order of time, and the compared answers by version: one with less than `reference` was not
        watched yet.
    """
    drifts, compared = [], {}
    for version, rows in log.groupby("version", sort=False):
        stream = VersionStream(str(version), spacing=spacing, reference=reference, by_hour=by_hour, seed=seed)
        drifts += stream.update(rows)
        if stream.detector.rows:
            compared[str(version)] = stream.detector.rows
    return sorted(drifts, key=lambda drift: drift.noticed), compared


class VersionStream:
    """The search for changes in the answers of one version, which come in parts.

    Parameters
    ----------
    version : str
    spacing, reference, by_hour, seed
        As `find_drift`.
    last : float
        See below.

    Attributes
    ----------
    detector : ChangeDetector
    last : float
        Time of the last answer that was compared, seconds since 1970.
    """

    def __init__(
        self,
        version: str,
        *,
        spacing: float = SPACING,
        reference: int = REFERENCE,
        by_hour: bool = False,
        seed: int = 0,
        last: float = -np.inf,
    ) -> None:
        self.version, self.last = version, last
        self._spacing, self._by_hour = spacing, by_hour
        reference = max(reference // 5, 1) if by_hour else reference
        self.detector = ChangeDetector(WEIGHTS, MONTH / spacing, reference=reference, seed=seed)

    def update(self, rows: pd.DataFrame) -> list[Drift]:
        """Take further rows of the version, in order of time, and return the changes that are noticed with them."""
        return self.compare(*self.choose(rows))

    def choose(self, rows: pd.DataFrame) -> tuple[dict[str, Array], Array]:
        """Return `drift_columns` of those of further rows that are to be compared, and their times (n,)."""
        faces = rows[(rows["error"] == "") & (rows["faces"] > 0)]
        seconds = (faces["time"] - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy()
        chosen, self.last = space_out(seconds, self._spacing, self.last)
        return drift_columns(faces[chosen]), seconds[chosen]

    def compare(self, columns: Mapping[str, Array], times: Array) -> list[Drift]:
        """Take what `choose` returned, and return the changes that are noticed with it."""
        strata = times // _HOUR % 24 if self._by_hour else None
        changes = self.detector.update(columns, times=times, strata=strata)
        return [self._drift(change) for change in changes]

    def _drift(self, change: Change) -> Drift:
        before, after = change.before, change.after
        if change.column in LOGARITHMS:
            before, after = float(np.exp(before)), float(np.exp(after))
        return Drift(
            self.version,
            _iso(change.since_time),
            _iso(change.time),
            change.at - change.since + 1,
            next(group for group, names in GROUPS.items() if change.column in names),
            change.column,
            before,
            after,
            change.share,
        )


def _iso(seconds: float) -> str:
    return str(pd.Timestamp(seconds, unit="s", tz="UTC").isoformat(timespec="seconds"))


def drift_columns(rows: pd.DataFrame) -> dict[str, Array]:
    """Return the columns of `WEIGHTS` of rows of a log, (n,) float each, NaN where unknown; sizes as logarithms."""
    values = rows.assign(abstains=rows["verdict"].eq("cannot tell").astype(float))
    columns = {name: values[name].to_numpy(float) for group in GROUPS.values() for name in group}
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = {name: np.log(columns[name]) for name in LOGARITHMS}
    return {name: np.where(np.isfinite(v), v, np.nan) for name, v in {**columns, **logarithms}.items()}


def space_out(seconds: Array, spacing: float, last: float = -np.inf) -> tuple[Array, float]:
    """Choose each row that comes `spacing` seconds after the last one chosen; also the time of the last."""
    chosen = np.zeros(len(seconds), bool)
    for index, moment in enumerate(seconds.tolist()):
        if moment - last >= spacing:
            chosen[index], last = True, moment
    return chosen, last


def _minute(moment: str) -> str:
    return f"{pd.Timestamp(moment):%Y-%m-%d %H:%M UTC}"
