"""Changes of what a model is asked, and of what it says, with at most one false alarm a month on average.

Every version is compared with its own first answers. See `aletheia.stats.change_detection` for the method. Answers that
follow each other closely often concern pictures of one caller, which resemble each other: of those, one is compared.
So many can at most be compared in a month that the number of rows between two false alarms can be stated in advance.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.lifecycle.prediction_log.entry import STATISTICS
from aletheia.lifecycle.prediction_log.reading import EMBEDDING
from aletheia.stats.change_detection import REFERENCE, detect_changes

#: Seconds between two answers that are compared, at least.
SPACING = 10.0
MONTH = 30 * 86_400.0  # seconds
_LOGARITHMS = ("megapixels", "face_size", "contrast", "distance")  # sizes and scales
#: Groups of columns, each with a third of the evidence; what is in them, in the words of a report.
GROUPS = {
    "the pictures": ("megapixels", *STATISTICS),
    "what the network sees in the faces": EMBEDDING,
    "the answers": ("probability", "abstains"),
}
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
        Mean of the column up to the change, and from then until it was noticed.
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
        what = _WORDS.get(self.column, f"{self.group} ({self.column.replace('_', ' ')})")
        return (
            f"Since {_minute(self.since)} the {what} is {self.after:.3g} on average, {self.before:.3g} before "
            f"(noticed {_minute(self.noticed)}, after {self.answers:,} compared answers of version {self.version})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain values, with the sentence."""
        return {**dataclasses.asdict(self), "sentence": self.sentence}


def find_drift(
    log: pd.DataFrame, *, spacing: float = SPACING, reference: int = REFERENCE, seed: int = 0
) -> tuple[list[Drift], dict[str, int]]:
    """Find the changes in a log, version by version.

    Parameters
    ----------
    log : DataFrame
        See `aletheia.lifecycle.prediction_log.reading.read_log`.
    spacing : float
        Seconds between two answers that are compared, at least; above 0.
    reference : int
        Compared answers at the beginning of a version that others are measured against, at least.
    seed : int
        For ties.

    Returns
    -------
    tuple
        The changes, in order of time, and the compared answers by version: one with less than `reference` was not
        watched yet.
    """
    drifts, compared = [], {}
    faces = log[(log["error"] == "") & (log["faces"] > 0)]
    for version, rows in faces.groupby("version", sort=False):
        spaced = rows[_spaced(rows["time"], spacing)]
        compared[str(version)] = len(spaced)
        drifts += _of_version(str(version), spaced, MONTH / spacing, reference, seed)
    return sorted(drifts, key=lambda drift: drift.noticed), compared


def _of_version(version: str, rows: pd.DataFrame, run_length: float, reference: int, seed: int) -> list[Drift]:
    columns = _columns(rows)
    weights = {name: 1 / len(group) for group in GROUPS.values() for name in group}
    changes = detect_changes(columns, weights, run_length, reference=reference, seed=seed)
    times = [moment.isoformat(timespec="seconds") for moment in rows["time"]]
    drifts, start = [], 0
    for change in changes:
        values = columns[change.column]
        if change.column in _LOGARITHMS:
            values = np.exp(values)
        drifts.append(
            Drift(
                version,
                times[change.since],
                times[change.at],
                change.at - change.since + 1,
                next(group for group, names in GROUPS.items() if change.column in names),
                change.column,
                _mean(values[start : change.since]),
                _mean(values[change.since : change.at + 1]),
                change.share,
            )
        )
        start = change.at + 1
    return drifts


def _columns(rows: pd.DataFrame) -> dict[str, Array]:
    values = rows.assign(abstains=rows["verdict"].eq("cannot tell").astype(float))
    columns = {name: values[name].to_numpy(float) for group in GROUPS.values() for name in group}
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = {name: np.log(columns[name]) for name in _LOGARITHMS}
    return {name: np.where(np.isfinite(v), v, np.nan) for name, v in {**columns, **logarithms}.items()}


def _spaced(times: pd.Series, spacing: float) -> Array:
    """Choose the first row, and each that comes `spacing` seconds after the last one chosen."""
    seconds = (times - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    chosen, last = np.zeros(len(seconds), bool), -np.inf
    for index, moment in enumerate(seconds):
        if moment - last >= spacing:
            chosen[index], last = True, moment
    return chosen


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _minute(moment: str) -> str:
    return f"{pd.Timestamp(moment):%Y-%m-%d %H:%M UTC}"
