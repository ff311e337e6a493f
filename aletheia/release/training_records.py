"""Parts of an evaluation report that set the test faces beside the faces that the model was trained on."""

from __future__ import annotations

import math

from pydantic import Field

from aletheia.release.metrics_record import Number, Record
from aletheia.stats.estimate import Estimate

#: Distance of a measure below which nobody would call two sets of pictures different.
NEAR = 0.2


class NamesRecord(Record):
    """Values of a column in the test faces: those that the training faces have, and those that they have not.

    `rows` of the `of` test faces with a known value have one that is unknown to the model.
    """

    column: str
    known: list[str] = Field(default_factory=list)
    unknown: list[str] = Field(default_factory=list)
    rows: int = 0
    of: int = 0


class ShiftRecord(Record):
    """Distance between training and test faces in one measure.

    `distance` is the total variation distance over the deciles of the training faces: 0 where the measure is
    distributed alike, 1 where no test face has a value as training faces have. `chance` is what 95 % of samples of as
    many groups from the training faces stay below.
    """

    key: str
    name: str
    family: str
    distance: Number
    chance: Number
    median: Number = math.nan
    trained_median: Number = math.nan

    @property
    def differs(self) -> bool:
        """Whether the distance is more than chance and more than a little."""
        return self.distance > max(self.chance, NEAR)


class FarRecord(Record):
    """Distance in the network's features, spectrum and colours: share of test faces beyond the model's limit.

    `level` is the share of faces of the training's kind beyond it, at most; `median` the median distance, 1 being that
    of a training face in each direction.
    """

    share: Number
    share_low: Number
    share_high: Number
    level: float
    median: Number


class GivenAwayRecord(Record):
    """A learner that is blind to faces, trained on the model's training faces: its AUC there and on the test faces."""

    key: str
    name: str
    trained_auc: Number
    auc: Number
    low: Number
    high: Number

    @property
    def estimate(self) -> Estimate:
        """AUC on the test faces with its interval."""
        return Estimate(self.auc, self.low, self.high)


class TrainingRecord(Record):
    """The test faces beside the training faces, see `aletheia.evaluation.training_distance`."""

    faces: int
    names: list[NamesRecord] = Field(default_factory=list)
    shifts: list[ShiftRecord] = Field(default_factory=list)
    far: FarRecord | None = None
    given_away: list[GivenAwayRecord] = Field(default_factory=list)

    def is_known(self, column: str, value: str) -> bool | None:
        """Whether the training faces have this value of a column; None where that is not recorded."""
        names = next((names for names in self.names if names.column == column), None)
        if names is None or value not in {*names.known, *names.unknown}:
            return None
        return value in names.known

    def novelty(self, source: str, generator: str) -> str:
        """Say which of a cell's source and generator were in training; empty where that is not recorded."""
        known = {"source": self.is_known("source", source), "generator": self.is_known("generator", generator)}
        if None in known.values():
            return ""
        new = [name for name, is_known in known.items() if not is_known]
        if not new:
            return "source and generator were in training"
        return f"{' and '.join(new)} unknown to the model"
