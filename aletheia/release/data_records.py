"""Parts of an evaluation report about its rows: what is known of them, and what gives the label away in them."""

from __future__ import annotations

from aletheia.release.metrics_record import Number, Record
from aletheia.stats.estimate import Estimate


class GroupingRecord(Record):
    """Of how many test rows the person or the video is known, see `aletheia.datasets.grouping.Known`."""

    rows: int
    known: int
    guessed: int
    people: int = 0
    compared: bool = False


class FamilyRecord(Record):
    """A family of measures of the audit (`aletheia.audit.audit.Family`) in the rows that the network got.

    `tells`: it predicts the label; `unsure`: it may, of too few groups to exclude chance; `absent`: a network cannot
    see it, since its measures are missing or the same everywhere; `reason` says why there are no numbers.
    """

    key: str
    name: str
    auc: Number
    low: Number
    high: Number
    tells: bool
    unsure: bool = False
    absent: bool = False
    reason: str = ""

    @property
    def estimate(self) -> Estimate:
        """AUC with its interval."""
        return Estimate(self.auc, self.low, self.high)


class AssociationRecord(Record):
    """Cramér's V between a column and the label in the rows that the network got, see `aletheia.datasets.bias`."""

    column: str
    cramers_v: Number
    n: int


class UnreadableRow(Record):
    """A test row without a score."""

    path: str
    reason: str
