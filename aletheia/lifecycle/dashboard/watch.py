"""Everything that the dashboard knows, kept up to date by a thread, and summarised once for all who look."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from aletheia.core.errors import InputError
from aletheia.lifecycle.alerts.rules import DEFAULT_RULES, Rule
from aletheia.lifecycle.alerts.state import states_path
from aletheia.lifecycle.dashboard.alert_view import describe_alerts, firing_stretches
from aletheia.lifecycle.dashboard.follower import LogFollower
from aletheia.lifecycle.dashboard.labels import labelled_accuracy
from aletheia.lifecycle.dashboard.period import Period, choose_period
from aletheia.lifecycle.dashboard.rows import Rows
from aletheia.lifecycle.dashboard.summary import describe_drift, expected_accuracy, summarise, to_json_values
from aletheia.lifecycle.dashboard.switches import History, first_answers
from aletheia.lifecycle.feedback.statement import Evaluation
from aletheia.lifecycle.monitoring.traffic import version_name

logger = logging.getLogger(__name__)

#: Seconds between two looks into the log.
LOOK_SECONDS = 0.5
_ANSWERS_KEPT = 32  # periods whose summary is kept
_SHARE = 0.2  # of the time, at most, in which one period is summarised
_LABEL_SECONDS = 5.0  # between two readings of the labels

Labels = tuple[pd.DataFrame, Mapping[str, Evaluation]]
_NO_LABELS: Labels = (pd.DataFrame(), {})


class _Known(NamedTuple):
    """What was read of the log until a moment; nothing changes it any more."""

    revision: int
    rows: Rows
    drift: dict[str, Any]
    log: dict[str, Any]


class DashboardWatch:
    """Follows a prediction log.

    Parameters
    ----------
    log : path
        The prediction log; it may appear later.
    rules : mapping of str to Rule
        Of the alerts.
    labels : callable, optional
        Returns the labels of answers, as `aletheia.lifecycle.feedback.reading.read_labels`, and the evaluations of
        versions; may raise InputError. None where no labels are collected.
    history : History, optional
        Of the versions in production; None leaves it out.
    clock : callable
        Returns seconds since 1970.
    """

    def __init__(
        self,
        log: str | Path,
        rules: Mapping[str, Rule] = DEFAULT_RULES,
        *,
        labels: Callable[[], Labels] | None = None,
        history: History | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.log, self.rules, self.history, self.clock = Path(log), rules, history, clock
        self.follower = LogFollower(log)
        self._known = self._describe()
        self._labels, self._labels_at, self._known_labels = labels, -_LABEL_SECONDS, (_NO_LABELS, "")
        self._stopped, self._lock = threading.Event(), threading.Lock()
        self._kept: dict[tuple[str, float | None], tuple[tuple[Any, ...], float, float, dict[str, Any]]] = {}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to follow the log, in threads of its own."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name="dashboard", daemon=True)
        self._thread.start()
        if self.history is not None:
            self.history.start()

    def stop(self) -> None:
        """Follow it no more."""
        self._stopped.set()
        if self.history is not None:
            self.history.stop()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> None:
        """Read what is new once, as the thread does."""
        self.follower.read()
        if self.follower.revision != self._known.revision:
            self._known = self._describe()

    def summary(self, name: str, end: float | None = None) -> dict[str, Any]:
        """Return all that is shown of a period, as values for JSON; see docs/monitoring.md for its fields.

        One that took long to compute is kept for some seconds: however many look, they cost a fifth of a core at most.

        Raises
        ------
        InputError
            When there is no such period.
        """
        period = choose_period(name, end, self.clock())
        with self._lock:
            state = (self._known.revision, period, self._alerts_state(), self._tick())
            kept = self._kept.get((name, end))
            if kept and (kept[0] == state or time.monotonic() < kept[2]):
                return kept[3]
            began = time.monotonic()
            result = self._summarise(period)
            took = time.monotonic() - began
            if len(self._kept) >= _ANSWERS_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[name, end] = (state, began, began + took / _SHARE, result)
            return result

    def _summarise(self, period: Period) -> dict[str, Any]:
        now, known = self.clock(), self._known
        rows = known.rows
        alerts = describe_alerts(self.log, self.rules, now)
        stretches = [
            {"rule": rule, "begin": begin, "end": end}
            for rule, begin, end in firing_stretches(alerts, now)
            if end > period.begin and begin < period.end
        ]
        switches, problem = self._switches(rows)
        result = {
            **summarise(rows, period, now),
            "switches": [s._asdict() for s in switches if period.begin <= s.moment < period.end],
            "history_problem": problem,
            "drift": known.drift,
            "alerts": {**alerts, "stretches": stretches},
            "labels": self._labelled(rows, period),
            "expected": expected_accuracy(rows, period),
            "log": known.log,
        }
        values: dict[str, Any] = to_json_values(result)
        return values

    def _switches(self, rows: Rows) -> tuple[list[Any], str]:
        names = {
            version: version_name({"version": version or "unknown", "release": rows.releases.get(version, "")})
            for version in rows.texts["version"]
        }
        history = self.history.switches if self.history else []
        problem = self.history.problem if self.history else "The history of versions is not asked for."
        return sorted([*first_answers(rows, names), *history], key=lambda switch: switch.moment), problem

    def _labelled(self, rows: Rows, period: Period) -> dict[str, Any] | None:
        if self._labels is None:
            return None
        if time.monotonic() - self._labels_at >= _LABEL_SECONDS:
            try:
                self._known_labels = (self._labels(), "")
            except InputError as error:
                self._known_labels = (_NO_LABELS, str(error))
            self._labels_at = time.monotonic()
        labels, problem = self._known_labels
        return {**labelled_accuracy(rows, period, *labels), "problem": problem}

    def _describe(self) -> _Known:
        follower = self.follower
        rows, until = follower.rows(), follower.searched_until
        times = rows.columns["time"]
        log = {
            **follower.size._asdict(),
            "name": self.log.name,
            "problem": follower.problem,
            "is_reading": follower.is_reading,
            "known": len(rows),
            "first": float(times.min()) if len(times) else None,
            "last": float(times.max()) if len(times) else None,
        }
        drift = {**describe_drift(follower.tracker, rows), "searched_until": until or None}
        return _Known(follower.revision, rows, drift, log)

    def _alerts_state(self) -> tuple[Any, ...]:
        path = states_path(self.log)
        try:
            return (path.stat().st_mtime_ns,)
        except OSError:
            return (0,)

    def _tick(self) -> int:
        """Change every ten seconds: how much is asked "now" changes although nobody asks."""
        return int(self.clock() / 10)

    def _run(self) -> None:
        while True:
            try:
                self.look()
            except Exception:  # whatever is wrong with the log, the page says what it knew
                logger.exception("the prediction log cannot be followed")
            busy = self.follower.is_reading or self.follower.is_searching
            if self._stopped.wait(0.0 if busy else LOOK_SECONDS):
                return
