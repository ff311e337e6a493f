"""Reasons to train the model in production again, each judged from what is known without training.

Nothing here changes anything: a finding says whether its trigger fires, and on which numbers that rests.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from aletheia.core.errors import InputError
from aletheia.core.spans import format_span
from aletheia.core.wording import counted
from aletheia.lifecycle.alerts.rules import AlertConfig
from aletheia.lifecycle.alerts.state import AlertStates
from aletheia.lifecycle.feedback.statement import Evaluation
from aletheia.lifecycle.model_versions.catalog import ModelVersion
from aletheia.lifecycle.monitoring.drift import find_drift
from aletheia.lifecycle.monitoring.labelled import accuracy_drop, judged_answers

#: Triggers by name, with what they ask.
TRIGGERS = {
    "performance": "are labelled answers right less often than the evaluation promised, or does an alert say so?",
    "drift": "did the watch over the traffic notice a change since this model was registered?",
    "new-data": "are there enough accepted faces that the model has not seen?",
    "schedule": "is the model old enough?",
    "now": "always",
}
#: Loss of accuracy from which on a model is trained again, and labels that it takes to judge that.
DROP, MIN_LABELS = 0.05, 30
#: New faces that are worth a training.
MIN_NEW = 50
#: Age at which a model is trained again.
EVERY = 30 * 86_400.0
_HASH_DIGITS = 8  # of the weights, at least, that a version in the log has


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a trigger found.

    Attributes
    ----------
    trigger : str
        One of `TRIGGERS`.
    fires : bool
    sentence : str
        Why, or why not.
    numbers : dict
        On which that rests; plain values.
    """

    trigger: str
    fires: bool
    sentence: str
    numbers: dict[str, Any] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return dataclasses.asdict(self)


def check_triggers(names: list[str]) -> list[str]:
    """Return the names of triggers without doubles.

    Raises
    ------
    InputError
        For one that there is not.
    """
    for name in names:
        if name not in TRIGGERS:
            raise InputError(f"There is no trigger {name!r} of a retraining; there are {', '.join(TRIGGERS)}.")
    return list(dict.fromkeys(names))


def answers_of(log: pd.DataFrame, weights_sha256: str) -> pd.DataFrame:
    """Return the rows of a prediction log that a model answered, by the beginning of its weights' SHA-256."""
    is_own = [len(v) >= _HASH_DIGITS and weights_sha256.startswith(v) for v in log["version"].astype(str)]
    return log[is_own]


def judge_performance(
    answers: pd.DataFrame,
    labels: pd.DataFrame,
    evaluation: Evaluation | None,
    *,
    drop: float = DROP,
    least: int = MIN_LABELS,
) -> Finding:
    """Say whether a model answers worse than its evaluation said, by accepted labels.

    It fires when `aletheia.lifecycle.monitoring.labelled.accuracy_drop` notices a loss, which has a stated rate of
    false alarms however often one looks, and the loss is `drop` or more.

    Parameters
    ----------
    answers : DataFrame
        See `answers_of`.
    labels : DataFrame
        Accepted labels, see `aletheia.lifecycle.feedback.reading.read_labels`.
    evaluation : Evaluation or None
        What the evaluation found; None where it is not known.
    drop : float
        Loss of accuracy from which on it counts.
    least : int
        Labelled answers below which nothing is judged.
    """
    judged = judged_answers(answers, labels)
    if evaluation is None:
        return Finding("performance", False, "The accuracy that the evaluation promised is not recorded.")
    if len(judged) < least:
        text = f"{counted(len(judged), 'answer')} of known truth, and {least} are needed to judge the accuracy."
        return Finding("performance", False, text, {"labels": len(judged)})
    found = accuracy_drop(judged, evaluation)
    numbers = {"labels": found.labels, "drop": found.value, "right": float(1 - judged["wrong"].mean())}
    if found.since is None or found.value < drop:
        text = f"{counted(found.labels, 'label')} show no loss of {100 * drop:g} points of accuracy."
        return Finding("performance", False, text, numbers)
    text = (
        f"Since {found.since:%Y-%m-%d %H:%M} UTC answers of known truth are right {100 * found.value:.1f} points less "
        f"often than the evaluation lets expect ({counted(found.labels, 'label')})."
    )
    return Finding("performance", True, text, {**numbers, "since": found.since.isoformat(timespec="seconds")})


def judge_alerts(states: AlertStates, config: AlertConfig) -> Finding:
    """Say whether an alert about the accuracy fires: one whose rule measures it."""
    firing = [
        name
        for name, state in states.rules.items()
        if state.firing_since is not None and name in config.rules and "accuracy" in config.rules[name].metric
    ]
    if firing:
        return Finding("performance", True, f"The alert {firing[0]} about the accuracy fires.", {"alerts": firing})
    return Finding("performance", False, "No alert about the accuracy fires.")


def judge_drift(answers: pd.DataFrame, model: ModelVersion) -> Finding:
    """Say whether a change of what the model is asked or answers was noticed since it was registered."""
    drifts, compared = find_drift(answers)
    since = pd.Timestamp(model.created) if model.created else pd.Timestamp(0, tz="UTC")
    since = since.tz_localize("UTC") if since.tzinfo is None else since
    noticed = [drift for drift in drifts if pd.Timestamp(drift.noticed) >= since]
    n_compared = sum(compared.values())
    if noticed:
        return Finding("drift", True, noticed[-1].sentence, {"changes": [drift.to_dict() for drift in noticed]})
    text = f"Nothing changed in {counted(n_compared, 'compared answer')} of {model.name}."
    return Finding("drift", False, text, {"compared": n_compared})


def judge_new_data(n_new: int, least: int = MIN_NEW) -> Finding:
    """Say whether there are enough files that the model's data do not hold."""
    text = f"{counted(n_new, 'new file')} that the model's data do not hold; a training is worth it from {least} on."
    return Finding("new-data", n_new >= least, text, {"new": n_new, "least": least})


def judge_age(model: ModelVersion, every: float = EVERY, now: float | None = None) -> Finding:
    """Say whether a model was registered `every` seconds ago or longer."""
    now = time.time() if now is None else now
    if not model.created:
        return Finding("schedule", True, f"When {model.name} was registered is not recorded.")
    age = now - datetime.fromisoformat(model.created).timestamp()
    text = f"{model.name} is {format_span(age)} old; it is trained again every {format_span(every)}."
    return Finding("schedule", age >= every, text, {"age_seconds": age, "every_seconds": every})


def firing(findings: list[Finding]) -> list[Finding]:
    """Return those that fire."""
    return [finding for finding in findings if finding.fires]


def alert_states(log: str | Path) -> AlertStates:
    """Read which alerts fire for a log, as `aletheia monitor` keeps them beside it.

    Raises
    ------
    InputError
        When the file is damaged.
    """
    log = Path(log)
    return AlertStates(log.with_name(f"{log.name}.alerts.json"))


def promised_errors(version: str, metrics: Mapping[str, Any]) -> Evaluation | None:
    """Return the rates of errors that a model's evaluation found, from its metrics; None where they are not there."""
    false_alarms, misses = (metrics.get(f"test_{name}") for name in ("fpr", "fnr"))
    if false_alarms is None or misses is None:
        return None
    return Evaluation(version, float(false_alarms), float(misses))
