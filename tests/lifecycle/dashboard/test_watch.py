"""The thread that follows a log, and summaries that are shared and not older than they may be."""

from __future__ import annotations

import time

import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.alerts.state import AlertStates, states_path
from aletheia.lifecycle.dashboard.watch import DashboardWatch
from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.prediction_log.table import PredictionTable

from ...waiting import wait_for
from ..logs import traffic
from .conftest import NOW


def test_follows_a_log_that_appears_later(tmp_path):
    path = tmp_path / "log.sqlite"
    watch = DashboardWatch(path)
    watch.start()
    try:
        wait_for(lambda: "no prediction log" in watch.summary("hour")["log"]["problem"])
        table = PredictionTable(path)
        for number in (1, 2):
            table.append([LogEntry(time.time(), str(number), "v", "u", "image", "real", faces=1, probability=0.1)])
            wait_for(lambda n=number: watch.summary("hour")["total"]["answers"] == n)
        table.close()
    finally:
        watch.stop()


def test_summary_is_computed_once(watch_of, monkeypatch):
    watch = watch_of(traffic(100, start=NOW - 3_100))
    first = watch.summary("hour")
    assert watch.summary("hour") is first
    assert watch.summary("day") is not first
    states = AlertStates(states_path(watch.log))
    states.silence("slow", 60, now=NOW)
    states.save()
    monkeypatch.setattr("aletheia.lifecycle.dashboard.watch._SHARE", 1e9)
    watch._kept.clear()
    assert watch.summary("hour")["alerts"]["rules"][0]["name"] == "slow"  # silenced, before the quiet ones
    with pytest.raises(InputError, match="no period"):
        watch.summary("year")


def test_costly_summary_is_reused(watch_of, monkeypatch):
    """One that took a second serves all who ask within five, also when there are new rows."""
    watch = watch_of(traffic(10, start=NOW - 3_100))
    clock = iter([0.0, 1.0, 4.9, 6.1, 6.1, 6.2])
    monkeypatch.setattr("aletheia.lifecycle.dashboard.watch.time.monotonic", lambda: next(clock))
    first = watch.summary("hour")  # began at 0, ended at 1: kept until 5
    watch._known = watch._known._replace(revision=99)
    assert watch.summary("hour") is first  # at 4.9
    assert watch.summary("hour") is not first


def test_alerts_and_marks_of_the_period(watch_of):
    watch = watch_of(traffic(50, start=NOW - 3_000), traffic(50, start=NOW - 1_400, version="b"))
    states = AlertStates(states_path(watch.log))
    states.save()
    summary = watch.summary("hour")
    assert [switch["version"] for switch in summary["switches"]] == ["b"]
    assert summary["alerts"]["stretches"] == []
    assert summary["history_problem"]
    assert watch.summary("hour", NOW - 90_000)["switches"] == []  # the hour of a day before
    assert watch.summary("hour", NOW - 90_000)["total"]["requests"] == 0
