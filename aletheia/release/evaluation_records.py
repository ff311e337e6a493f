"""Rows of the tables that an evaluation report consists of, with the columns of `aletheia.evaluation`'s tables."""

from __future__ import annotations

import math

from pydantic import Field

from aletheia.release.metrics_record import Number, Record
from aletheia.stats.clustered_auc import AucDifference
from aletheia.stats.estimate import Estimate


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
    def comparison(self) -> AucDifference:
        """The network's AUC minus this one."""
        return AucDifference(self.difference, self.standard_error, self.df)


class AlikeRecord(Record):
    """AUC among pairs alike in demographics and thumbnail, see `aletheia.evaluation.alike_pairs.AlikePairs`."""

    auc: Number
    auc_low: Number
    auc_high: Number
    share: float
    columns: list[str]


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


class GroupingRecord(Record):
    """Of how many test rows the person or the video is known, see `aletheia.datasets.grouping.Known`."""

    rows: int
    known: int
    guessed: int
    people: int = 0


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

    @property
    def estimate(self) -> Estimate:
        """The ratio with its interval."""
        return Estimate(self.ratio, self.low, self.high)


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


class PrevalenceRecord(Record):
    """One row of `aletheia.evaluation.prevalence.prior_shift`: predictive values at a share of fakes."""

    base_rate: float
    ppv: Number
    ppv_low: Number
    ppv_high: Number
    npv: Number
    npv_low: Number
    npv_high: Number
    false_alarms: Number
    false_alarms_low: Number
    false_alarms_high: Number


class DeliveryRecord(Record):
    """One row of `aletheia.evaluation.robustness.delivery_curves`: an operation at a severity."""

    operation: str
    severity: float
    unit: str
    n: int
    auc: Number
    auc_low: Number
    auc_high: Number
    flipped: Number
    flipped_low: Number
    flipped_high: Number
    to_fake: Number
    to_real: Number


class AnsweredRecord(Record):
    """One row of `aletheia.evaluation.abstention.abstention_table`."""

    label: str
    n: int
    answered: Number
    answered_low: Number
    answered_high: Number
    error_answered: Number
    error_answered_low: Number
    error_answered_high: Number
    error_all: Number
    error_all_low: Number
    error_all_high: Number


class CauseRecord(Record):
    """One row of `aletheia.evaluation.abstention.cause_table`."""

    cause: str
    n: int
    share: Number
    share_low: Number
    share_high: Number
    real: Number
    fake: Number
    wrong: Number


class CoverageRecord(Record):
    """One row of `aletheia.evaluation.abstention.coverage_table`."""

    label: str
    n: int
    covered: Number
    covered_low: Number
    covered_high: Number
    promised: float
    kept: bool


class GroupPromiseRecord(CoverageRecord):
    """One row of `aletheia.evaluation.abstention_groups.promise_by_group`: a label within a group."""

    column: str
    value: str
    answered: Number
    answered_low: Number
    answered_high: Number
    error_answered: Number
    error_answered_low: Number
    error_answered_high: Number
    error_all: Number
    error_all_low: Number
    error_all_high: Number


class AbstentionRecord(Record):
    """How often the model does not answer, why, and whether the conformal sets keep their promise."""

    table: list[AnsweredRecord] = Field(default_factory=list)
    causes: list[CauseRecord] = Field(default_factory=list)
    coverage: list[CoverageRecord] = Field(default_factory=list)
    groups: list[GroupPromiseRecord] = Field(default_factory=list)


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

    @property
    def comparison(self) -> AucDifference:
        """The difference with what a test needs; undefined in evaluations of earlier versions."""
        return AucDifference(self.difference, self.standard_error, self.df)

    @property
    def estimate(self) -> Estimate:
        """The difference with its interval."""
        return Estimate(self.difference, self.low, self.high)


class SpreadRecord(Record):
    """Trainings that differ in their seed alone, see `aletheia.evaluation.seed_spread.TrainingSpread`."""

    seeds: list[int]
    val_losses: list[Number]
    aucs: list[Number]
    text: str


class NotCompared(Record):
    """There is a model in production, but it could not be compared with."""

    reason: str


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


class TriesRecord(Record):
    """How often this test set was used: `number` counts the distinct models evaluated on it, this one included.

    `optimism` is by how much the best of so many equal models exceeds the truth on average, at most, in AUC.
    """

    number: int
    optimism: Number
    test_set: str = ""


class UnreadableRow(Record):
    """A test row without a score."""

    path: str
    reason: str
