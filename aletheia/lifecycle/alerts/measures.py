"""The numbers that rules are about, measured in a span of a prediction log."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.wording import counted
from aletheia.lifecycle.alerts.rules import Rule
from aletheia.lifecycle.feedback.place import store_path
from aletheia.lifecycle.feedback.reading import read_labels
from aletheia.lifecycle.feedback.store import FeedbackStore
from aletheia.lifecycle.monitoring.drift_watch import DriftWatch
from aletheia.lifecycle.monitoring.labelled import accuracy_drop, judged_answers
from aletheia.lifecycle.monitoring.traffic import FAULTS
from aletheia.lifecycle.prediction_log.reading import latest_version, read_log

#: Columns of the log that rules about requests rest on.
COLUMNS = ("error", "ms_total")


class Measured(NamedTuple):
    """A number, and on what it rests.

    Attributes
    ----------
    value : float or None
        None where the rule cannot be judged.
    text : str
        The number as a sentence has it.
    """

    value: float | None
    text: str


def measure(rule: Rule, log: str | Path, now: float | None = None, watch: DriftWatch | None = None) -> Measured:
    """Measure what a rule is about.

    Parameters
    ----------
    rule : Rule
    log : path
        The prediction log.
    now : float, optional
        The end of the span, seconds since 1970; default: the clock.
    watch : DriftWatch, optional
        The search for changes of the log, which goes on; by default one goes on with what is kept beside the log.

    Raises
    ------
    InputError
        When the log cannot be read.
    """
    now = time.time() if now is None else now
    if rule.metric == "disk_free_bytes":
        free = shutil.disk_usage(Path(log).absolute().parent).free
        return Measured(float(free), f"{free / 1e9:.1f} GB are free beside the prediction log")
    if rule.metric == "changes":
        return _changes(watch or DriftWatch(log), now - rule.over, now)
    if rule.metric == "accuracy_drop":
        return _accuracy_drop(rule, Path(log), now)
    rows = read_log(log, now - rule.over, now, ("time", *COLUMNS))
    return measure_rows(rule, {name: rows[name].to_numpy() for name in COLUMNS})


def measure_rows(rule: Rule, rows: Mapping[str, Array]) -> Measured:
    """Measure what a rule about requests is about, in the rows of its span: `COLUMNS`, (n,) each."""
    count = len(rows["error"])
    if count < rule.at_least:
        return Measured(None, f"{count} requests, too few to judge")
    return _OF_ROWS[rule.metric](rows, rule)


def _answers(rows: Mapping[str, Array], rule: Rule) -> Measured:
    answers = int((rows["error"] == "").sum())
    return Measured(float(answers), counted(answers, "answer"))


def _latency(rows: Mapping[str, Array], rule: Rule) -> Measured:
    times = rows["ms_total"][np.isfinite(rows["ms_total"])]
    if not len(times):
        return Measured(None, "no answer to time")
    latency = float(np.quantile(times, 0.95))
    return Measured(latency, f"95 of 100 answers take at most {latency:.0f} ms")


def _fault_rate(rows: Mapping[str, Array], rule: Rule) -> Measured:
    kinds = rows["error"].tolist()
    faults = sum(kind in FAULTS for kind in kinds)
    judged = kinds.count("") + faults
    if not judged:
        return Measured(None, "no request but refused ones")
    rate = faults / judged if faults >= rule.least_faults else 0.0
    return Measured(rate, f"{faults:,} of {counted(judged, 'request')} failed by the service's fault")


_OF_ROWS = {"answers": _answers, "p95_ms": _latency, "fault_rate": _fault_rate}


def _accuracy_drop(rule: Rule, log: Path, now: float) -> Measured:
    """Compare the version that answered last with its evaluation, by accepted labels."""
    labels, version = read_labels(log.parent), latest_version(log, now)
    rows = read_log(log, now - rule.over, now, ids=labels["id"])
    judged = judged_answers(rows[rows["version"] == version], labels)
    if len(judged) < max(rule.at_least, 1):
        return Measured(None, f"{counted(len(judged), 'label')} of version {version or 'none'}, too few to judge")
    evaluation = FeedbackStore(store_path(log.parent)).evaluations().get(version)
    if evaluation is None:
        return Measured(None, f"version {version} was not evaluated: nothing to compare its labels with")
    drop = accuracy_drop(judged, evaluation)
    if drop.since is None:
        return Measured(0.0, f"{counted(drop.labels, 'label')} show version {version} no worse than its evaluation")
    return Measured(
        drop.value,
        f"since {drop.since:%Y-%m-%d %H:%M} UTC version {version} is right {100 * drop.value:.1f} points less often "
        f"than its evaluation lets expect ({counted(drop.labels, 'accepted label')})",
    )


def _changes(watch: DriftWatch, since: float, until: float) -> Measured:
    watch.look(until)
    found = watch.since(since, until)
    text = " ".join(drift.sentence for drift in found) or "nothing changed"
    return Measured(float(len(found)), text)
