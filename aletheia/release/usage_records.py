"""Parts of an evaluation report about a model in use: how often it answers, what an alarm is worth, deliveries."""

from __future__ import annotations

import math

from pydantic import Field

from aletheia.release.metrics_record import Number, Record


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
    """One row of `aletheia.evaluation.abstention.coverage_table`; earlier versions had no `p_value`."""

    label: str
    n: int
    covered: Number
    covered_low: Number
    covered_high: Number
    promised: float
    p_value: Number = math.nan
    limits_from: Number = math.nan
    kept: bool


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
