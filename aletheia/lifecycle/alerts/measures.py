"""The numbers that rules are about, measured in a span of a prediction log."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from aletheia.core.wording import counted
from aletheia.lifecycle.alerts.rules import Rule
from aletheia.lifecycle.monitoring.drift import find_drift
from aletheia.lifecycle.monitoring.traffic import FAULTS
from aletheia.lifecycle.prediction_log.reading import read_log

#: Days of a log in which changes are looked for.
CHANGE_DAYS = 30


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


def measure(rule: Rule, log: str | Path, now: float | None = None) -> Measured:
    """Measure what a rule is about.

    Parameters
    ----------
    rule : Rule
    log : path
        The prediction log.
    now : float, optional
        The end of the span, seconds since 1970; default: the clock.

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
        return _changes(read_log(log, now - CHANGE_DAYS * 86_400, now), now - rule.over)
    rows = read_log(log, now - rule.over, now)
    if len(rows) < rule.at_least:
        return Measured(None, f"{len(rows)} requests, too few to judge")
    return _OF_ROWS[rule.metric](rows)


def _answers(rows: pd.DataFrame) -> Measured:
    answers = int((rows["error"] == "").sum())
    return Measured(float(answers), counted(answers, "answer"))


def _latency(rows: pd.DataFrame) -> Measured:
    times = rows["ms_total"].dropna()
    if not len(times):
        return Measured(None, "no answer to time")
    latency = float(times.quantile(0.95))
    return Measured(latency, f"95 of 100 answers take at most {latency:.0f} ms")


def _fault_rate(rows: pd.DataFrame) -> Measured:
    faults = int(rows["error"].isin(FAULTS).sum())
    judged = int((rows["error"] == "").sum()) + faults
    if not judged:
        return Measured(None, "no request but refused ones")
    return Measured(faults / judged, f"{faults:,} of {counted(judged, 'request')} failed by the service's fault")


_OF_ROWS = {"answers": _answers, "p95_ms": _latency, "fault_rate": _fault_rate}


def _changes(rows: pd.DataFrame, since: float) -> Measured:
    found = [drift for drift in find_drift(rows)[0] if pd.Timestamp(drift.noticed).timestamp() >= since]
    text = " ".join(drift.sentence for drift in found) or "nothing changed"
    return Measured(float(len(found)), text)
