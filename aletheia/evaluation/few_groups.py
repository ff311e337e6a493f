"""Numbers without their intervals, where the test rows are of too few independent groups for any."""

from __future__ import annotations

import dataclasses

import pandas as pd

from aletheia.evaluation.abstention import Abstention
from aletheia.evaluation.baselines import Baselines
from aletheia.evaluation.model_comparison import Comparison
from aletheia.evaluation.result import Evaluation
from aletheia.release.data_records import FamilyRecord
from aletheia.release.evaluation_records import NotCompared
from aletheia.release.training_records import TrainingRecord
from aletheia.stats.clustered_auc import MIN_GROUPS
from aletheia.stats.estimate import Estimate
from aletheia.stats.metrics import Metrics

_NAN = float("nan")


def no_interval_reason(groups_real: int, groups_fake: int) -> str:
    """Say why the rows of so many independent groups have no intervals; empty where they have."""
    # Of a class that is not there at all there is nothing to give an interval of; the other has its own.
    present = [count for count in (groups_real, groups_fake) if count]
    if min(present, default=0) >= MIN_GROUPS:
        return ""
    return (
        f"the genuine faces are of {groups_real} independent groups and the fakes of {groups_fake}, and an interval "
        f"needs {MIN_GROUPS} of each"
    )


def withhold_intervals(evaluation: Evaluation) -> Evaluation:
    """Leave the intervals out if a class has fewer than `MIN_GROUPS` groups; the values stay.

    Limits that rest on a handful of people look like knowledge of everyone else, and there is none.
    """
    metrics = evaluation.metrics
    if not no_interval_reason(metrics.groups_real, metrics.groups_fake):
        return evaluation
    tables = ("subgroups", "generators", "gaps", "cells", "prior", "delivery")
    changed = {name: _without_limits(getattr(evaluation, name)) for name in tables}
    return dataclasses.replace(
        evaluation,
        metrics=_plain(metrics),
        levels={name: _plain(level) for name, level in evaluation.levels.items()},
        baselines=_plain_baselines(evaluation.baselines),
        calibration=dataclasses.replace(evaluation.calibration, low=_NAN, high=_NAN),
        abstention=_plain_abstention(evaluation.abstention),
        production=_plain_comparison(evaluation.production),
        training=_plain_training(evaluation.training),
        audit=_plain_audit(evaluation.audit) if evaluation.leaks is None else evaluation.audit,
        **changed,
    )


def _plain(metrics: Metrics) -> Metrics:
    values = {name: Estimate(estimate.value, n=estimate.n) for name, estimate in metrics.values.items()}
    return dataclasses.replace(metrics, values=values)


def _plain_baselines(baselines: Baselines) -> Baselines:
    outcomes = {key: dataclasses.replace(outcome, low=_NAN, high=_NAN) for key, outcome in baselines.outcomes.items()}
    differences = {
        key: dataclasses.replace(difference, standard_error=_NAN) for key, difference in baselines.differences.items()
    }
    return dataclasses.replace(baselines, outcomes=outcomes, differences=differences)


def _plain_abstention(abstention: Abstention) -> Abstention:
    names = ("table", "causes", "coverage", "curve", "groups")
    return dataclasses.replace(abstention, **{name: _without_limits(getattr(abstention, name)) for name in names})


def _plain_comparison(production: Comparison | NotCompared | None) -> Comparison | NotCompared | None:
    if not isinstance(production, Comparison) or production.same:
        return production
    return dataclasses.replace(production, low=_NAN, high=_NAN, standard_error=_NAN, logit_error=_NAN)


def _plain_training(training: TrainingRecord | None) -> TrainingRecord | None:
    if training is None:
        return None
    far = training.far and training.far.model_copy(update={"share_low": _NAN, "share_high": _NAN})
    learners = [learner.model_copy(update={"low": _NAN, "high": _NAN}) for learner in training.given_away]
    return training.model_copy(update={"far": far, "given_away": learners})


def _plain_audit(audit: list[FamilyRecord] | None) -> list[FamilyRecord] | None:
    return audit and [family.model_copy(update={"low": _NAN, "high": _NAN}) for family in audit]


def _without_limits(table: pd.DataFrame) -> pd.DataFrame:
    """Replace the columns of limits by NaN; the attributes of the table stay."""
    limits = {name: _NAN for name in table if str(name).endswith(("_low", "_high")) or name in ("low", "high")}
    return table.assign(**limits)
