"""Rows of the tables that an evaluation report consists of, with the columns of `aletheia.evaluation`'s tables."""

from __future__ import annotations

import math

from aletheia.release.metrics_record import Number, Record
from aletheia.stats.estimate import Estimate
from aletheia.stats.noninferiority import loss_p
from aletheia.stats.paired_difference import PairedDifference

#: Largest ratio of two rates that an evaluation gives: where the lowest is 0 there is no other.
MOST_TIMES = 100.0


class BaselineScore(Record):
    """Outcome of a detector that knows nothing of faces; `reason` says why there are no numbers.

    `difference` is the network's AUC minus this one on the same rows, with its standard error and the degrees of
    freedom of Student's t (see `aletheia.stats.clustered_auc`). Evaluations of earlier versions have none. `kind` is
    "control", "family" (of the audit) or empty. `absent`: its measures are the same in all training rows.
    """

    name: str
    auc: Number
    low: Number
    high: Number
    reason: str
    leading: list[str]
    difference: Number = math.nan
    standard_error: Number = math.nan
    df: int = 0
    kind: str = ""
    absent: bool = False

    @property
    def estimate(self) -> Estimate:
        """AUC with its interval."""
        return Estimate(self.auc, self.low, self.high)

    @property
    def is_computed(self) -> bool:
        """Whether there are numbers."""
        return math.isfinite(self.auc)

    @property
    def comparison(self) -> PairedDifference:
        """The network's AUC minus this one."""
        return PairedDifference(self.difference, self.standard_error, self.df)


class AlikeRecord(Record):
    """AUC among pairs alike in demographics and thumbnail, see `aletheia.evaluation.alike_pairs.AlikePairs`."""

    auc: Number
    auc_low: Number
    auc_high: Number
    share: float
    columns: list[str]


class SaliencyRecord(Record):
    """How much of a network's evidence lies at one place, see `aletheia.evaluation.saliency`.

    `fake` and `real` are the shares of the evidence in the best window, which covers `uniform` of the crop.
    """

    fake: Number
    fake_low: Number
    fake_high: Number
    real: Number
    real_low: Number
    real_high: Number
    uniform: float

    def sentence(self) -> str:
        """Say it for people; empty where no fake could be explained."""
        fake, real = self.with_interval("fake"), self.with_interval("real")
        if not fake.is_defined:
            return ""
        return (
            f"Of the network's evidence in fakes {fake:.0%} lies in one window of {self.uniform:.1%} of the crop, in "
            f"genuine faces {real.text('.0%', 'an unknown share')} in theirs."
        )


class CalibrationRecord(Record):
    """Expected calibration error, see `aletheia.stats.calibration_error.CalibrationEstimate`."""

    value: Number
    low: Number
    high: Number
    expected: Number
    n: int

    @property
    def estimate(self) -> Estimate:
        """The error with its interval."""
        return Estimate(self.value, self.low, self.high)


class GroupRecord(Record):
    """One row of `aletheia.evaluation.subgroups`: a group of people, or a generator."""

    column: str
    value: str
    n: int
    n_real: int
    n_fake: int
    auc: Number
    auc_low: Number
    auc_high: Number
    fpr: Number
    fpr_low: Number
    fpr_high: Number
    fnr: Number
    fnr_low: Number
    fnr_high: Number
    ece: Number
    ece_low: Number
    ece_high: Number
    ece_expected: Number
    verdict: str


class GapRecord(Record):
    """One row of `aletheia.evaluation.fairness_gaps`: the largest difference of a rate between groups of a column."""

    column: str
    rate: str
    n_values: int
    gap: Number
    gap_low: Number
    gap_high: Number
    p_value: Number
    highest: str
    highest_rate: Number
    lowest: str
    lowest_rate: Number
    ratio: Number
    ratio_low: Number
    ratio_high: Number
    verdict: str


class FprRatio(Record):
    """The group of a column with the highest false-positive rate, and how many times that of the lowest it is.

    Evaluations before the permutation test have no `p`; those with a ratio to the rate of all rows have no `lowest`.
    """

    column: str
    group: str
    ratio: Number
    low: Number
    high: Number
    p: Number = math.nan
    lowest: str = ""
    lowest_rate: Number = math.nan

    @property
    def estimate(self) -> Estimate:
        """The ratio with its interval."""
        return Estimate(self.ratio, self.low, self.high)

    def sentence(self) -> str:
        """Say it for people; where the lowest group has no false alarm there is no ratio, but a lower limit of it."""
        rate = f"the false-positive rate of {self.group} is"
        if self.ratio >= MOST_TIMES:
            none = "" if self.lowest_rate > 0 else ", which had no false alarm"
            return f"{rate} at least {self.low:.2f} times that of {self.lowest}{none}"
        high = "any number" if self.high >= MOST_TIMES else f"{self.high:.2f}"
        return f"{rate} {self.ratio:.2f} times that of {self.lowest} ({self.low:.2f} to {high})"


class CellRecord(Record):
    """One row of `aletheia.evaluation.cross_matrix.cell_table`: fakes of a generator against real faces of a source."""

    trained_on: str
    source: str
    generator: str
    n_real: int
    n_fake: int
    auc: Number
    auc_low: Number
    auc_high: Number


class NewFacesRecord(Record):
    """Verdicts on new faces that neither model learnt from, see `aletheia.evaluation.new_faces.NewFaces`."""

    n: int
    groups: int
    first_right: Number
    second_right: Number
    mended: int
    broken: int
    difference: Number
    standard_error: Number = math.nan
    df: int = 0

    @property
    def comparison(self) -> PairedDifference:
        """The difference of the shares of right verdicts, with what a test needs."""
        return PairedDifference(self.difference, self.standard_error, self.df)


class ProductionComparison(Record):
    """AUC against the model in production, see `aletheia.evaluation.model_comparison.Comparison`."""

    other: str
    same: bool
    auc: Number
    other_auc: Number
    difference: Number
    low: Number
    high: Number
    n: int
    same_data: bool
    weights_sha256: str = ""
    standard_error: Number = math.nan
    df: int = 0
    logit_error: Number = math.nan
    new_faces: NewFacesRecord | None = None

    @property
    def comparison(self) -> PairedDifference:
        """The difference with what a test needs; undefined in evaluations of earlier versions."""
        return PairedDifference(self.difference, self.standard_error, self.df)

    def lost_p(self, margin: float) -> float:
        """Return the p of a loss of at least `margin`; NaN in evaluations of earlier versions."""
        return loss_p(self.auc, self.other_auc, self.logit_error, self.df, margin)

    @property
    def estimate(self) -> Estimate:
        """The difference with its interval."""
        return Estimate(self.difference, self.low, self.high)


class SealedRecord(Record):
    """The part of the test set that register alone scores, see `aletheia.release.sealed_part`.

    `reason` says why there are no numbers. `number` counts the models for which these rows were opened, this one
    included; None where nobody counts.
    """

    n: int = 0
    auc: Number = math.nan
    low: Number = math.nan
    high: Number = math.nan
    groups_real: int = 0
    groups_fake: int = 0
    number: int | None = None
    test_set: str = ""
    reason: str = ""

    @property
    def estimate(self) -> Estimate:
        """AUC with its interval."""
        return Estimate(self.auc, self.low, self.high)

    @property
    def groups(self) -> int:
        """Groups of the class that has fewer."""
        return min(self.groups_real, self.groups_fake)

    def results(self, weights_sha256: str) -> dict[str, float | str]:
        """Return results of a run by which later releases count this one; none where the rows stayed sealed."""
        if self.reason:
            return {}
        return {"sealed_auc": self.auc, "test_set": self.test_set, "weights": weights_sha256}


class SpreadRecord(Record):
    """Trainings that differ in their seed alone, see `aletheia.evaluation.seed_spread.TrainingSpread`."""

    seeds: list[int]
    val_losses: list[Number]
    aucs: list[Number]
    text: str


class NotCompared(Record):
    """There is a model in production, but it could not be compared with."""

    reason: str


class TriesRecord(Record):
    """How often this test set was used: `number` counts the distinct models evaluated on it, this one included.

    `optimism` is by how much the best of so many equal models exceeds the truth on average, at most, in AUC.
    """

    number: int
    optimism: Number
    test_set: str = ""
