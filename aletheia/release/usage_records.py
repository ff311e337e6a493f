"""Parts of an evaluation report about a model in use: how often it answers, what an alarm is worth, deliveries."""

from __future__ import annotations

import math
from typing import Self

from pydantic import Field, model_validator

from aletheia.release.metrics_record import Number, Record
from aletheia.stats.conformal_coverage import judge_promise


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
    """One row of `aletheia.evaluation.abstention.coverage_table`.

    Attributes
    ----------
    label : str
        "real" or "fake".
    n : int
        Rows.
    covered : float
        Share of them whose own label is plausible; with interval.
    promised : float
        The same share, as promised.
    p_value, limits_from, groups : float
        See `aletheia.evaluation.abstention_groups.promise`; NaN in files of earlier versions.
    kept : bool or None
        None where it cannot be judged. Earlier versions called everything kept that was not refuted; it is judged anew.
    reason : str
        Why it cannot be judged; else empty.
    """

    label: str
    n: int
    covered: Number
    covered_low: Number
    covered_high: Number
    promised: float
    p_value: Number = math.nan
    limits_from: Number = math.nan
    groups: Number = math.nan
    kept: bool | None
    reason: str = ""

    @model_validator(mode="after")
    def _not_refuted_is_not_kept(self) -> Self:
        if self.kept:
            sizes = {"limits_from": self.limits_from, "groups": self.groups}
            kept, reason = judge_promise(self.covered, self.promised, math.nan, **sizes)
            object.__setattr__(self, "kept", kept)  # the record is frozen once it is made
            object.__setattr__(self, "reason", reason)
        return self

    @property
    def verdict(self) -> str:
        """One of "kept", "NOT kept" and "cannot be judged"."""
        return {True: "kept", False: "NOT kept", None: "cannot be judged"}[self.kept]


class GroupPromiseRecord(AnsweredRecord, CoverageRecord):
    """One row of `aletheia.evaluation.abstention_groups.promise_by_group`: a label within a group."""

    column: str
    value: str


class AbstentionRecord(Record):
    """How often the model does not answer, why, and whether the conformal sets keep their promise."""

    table: list[AnsweredRecord] = Field(default_factory=list)
    causes: list[CauseRecord] = Field(default_factory=list)
    coverage: list[CoverageRecord] = Field(default_factory=list)
    groups: list[GroupPromiseRecord] = Field(default_factory=list)
