"""Rows and blocks that an evaluation report consists of.

Numbers that are not defined are NaN here and null in JSON.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from aletheia.stats.estimate import Estimate


def _nan_for_null(value: Any) -> Any:
    return math.nan if value is None else value


def _null_for_nan(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _to_estimate(value: Any) -> Any:
    return {key: _nan_for_null(number) for key, number in value.items()} if isinstance(value, dict) else value


#: A float that is NaN where JSON holds null.
Number = Annotated[float, BeforeValidator(_nan_for_null), PlainSerializer(_null_for_nan, return_type=float | None)]
#: An `Estimate` that JSON holds as value, low and high.
JsonEstimate = Annotated[
    Estimate, BeforeValidator(_to_estimate), PlainSerializer(Estimate.to_dict, return_type=dict[str, float | None])
]


class Record(BaseModel):
    """Base of all parts of a report: unknown fields are errors, nothing is changed after the evaluation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def with_interval(self, name: str) -> Estimate:
        """Combine the field of this name and those with `_low` and `_high` behind it."""
        return Estimate(getattr(self, name), getattr(self, f"{name}_low"), getattr(self, f"{name}_high"))


class MetricEstimates(Record):
    """All metrics of `aletheia.stats.metrics.evaluate_scores`; fake is the positive class."""

    auc: JsonEstimate
    average_precision: JsonEstimate
    eer: JsonEstimate
    tpr_at_fpr_1: JsonEstimate
    tpr_at_fpr_5: JsonEstimate
    log_loss: JsonEstimate
    brier: JsonEstimate
    accuracy: JsonEstimate
    balanced_accuracy: JsonEstimate
    precision: JsonEstimate
    recall: JsonEstimate
    f1: JsonEstimate
    fpr: JsonEstimate
    fnr: JsonEstimate


class Confusion(Record):
    """Counts of rows by label and answer at the threshold."""

    tn: int
    fp: int
    fn: int
    tp: int


class MetricsRecord(Record):
    """Metrics of one aggregation level: faces, frames or videos.

    Attributes
    ----------
    n, n_real, n_fake : int
        Rows with a score.
    n_unreadable : int
        Rows without one.
    n_groups : int
        Units of the bootstrap.
    majority_share : float
        Accuracy of always answering with the larger class.
    threshold : float
        Probability from which on a row is called fake.
    level : float
        Of the intervals.
    """

    metrics: MetricEstimates
    confusion: Confusion
    n: int
    n_real: int
    n_fake: int
    n_unreadable: int
    n_groups: int
    majority_share: float
    threshold: float
    level: float


class BaselineScore(Record):
    """Outcome of a detector that knows nothing of faces; `reason` says why there are no numbers."""

    name: str
    auc: Number
    low: Number
    high: Number
    reason: str
    leading: list[str]

    @property
    def estimate(self) -> Estimate:
        """AUC with its interval."""
        return Estimate(self.auc, self.low, self.high)

    @property
    def is_computed(self) -> bool:
        """Whether there are numbers."""
        return math.isfinite(self.auc)


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
    """The group of a column with the highest false-positive rate, and how many times the overall rate that is.

    Evaluations before the permutation test have no `p`.
    """

    column: str
    group: str
    ratio: Number
    low: Number
    high: Number
    p: Number = math.nan

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


class AbstentionRecord(Record):
    """How often the model does not answer, why, and whether the conformal sets keep their promise."""

    table: list[AnsweredRecord] = Field(default_factory=list)
    causes: list[CauseRecord] = Field(default_factory=list)
    coverage: list[CoverageRecord] = Field(default_factory=list)


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

    @property
    def estimate(self) -> Estimate:
        """The difference with its interval."""
        return Estimate(self.difference, self.low, self.high)


class NotCompared(Record):
    """There is a model in production, but it could not be compared with."""

    reason: str


class UnreadableRow(Record):
    """A test row without a score."""

    path: str
    reason: str
