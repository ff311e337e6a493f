"""Building blocks of an evaluation report: numbers that may be undefined, and the metrics of an aggregation level.

Numbers that are not defined are NaN here and null in JSON.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

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
    groups_real, groups_fake : int
        Units with a genuine, and with a fake row; 0 in files of earlier versions.
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
    groups_real: int = 0
    groups_fake: int = 0
