"""The page of `aletheia monitor`: what it says, and that names from the log are no markup."""

from __future__ import annotations

from aletheia.lifecycle.monitoring.drift import find_drift
from aletheia.lifecycle.monitoring.findings import monitor_findings
from aletheia.lifecycle.monitoring.report import monitor_figures, render_monitor_report
from aletheia.lifecycle.monitoring.traffic import VERDICTS, hourly, summarise_traffic
from aletheia.lifecycle.prediction_log.entry import LogEntry

from ..logs import START, traffic


def render(log):
    drifts, compared = find_drift(log)
    return render_monitor_report(summarise_traffic(log), hourly(log), drifts, compared, reference=100)


def test_quiet_and_changed(log_of, write_log):
    log = log_of(traffic(300))
    assert "has not changed" in render(log)
    page = render(log_of(traffic(200, seed=1, start=START + 9000, sharpness=3.0)))
    assert "has not changed" not in page
    assert "the sharpness of the faces (log) is" in page
    assert "Dashed: a change began" in page


def test_hostile_names(log_of):
    name = "<img src=x onerror=alert(1)>"
    page = render(log_of([LogEntry(START, "i", name, name, error=name)]))
    assert "<img" not in page
    assert "&lt;img" in page


def test_findings():
    fault = {"value": 0.25, "low": 0.1, "high": 0.5, "n": 20}
    versions = [{"version": "a", "fault_rate": fault}, {"version": "b", "fault_rate": None}]
    assert monitor_findings(versions, [], {"a": 99, "b": 100}, 100) == [
        ("Version a: 25.0% (10.0% to 50.0%) of the requests failed by the service's fault.", "bad"),
        ("Version a is not watched for changes yet: 99 answers of 100 compared.", ""),
        ("What is asked and what is answered has not changed.", "good"),
    ]
    assert monitor_findings([], [], {}, 100) == [("There was no request in this time.", "bad")]


def test_figures(log_of):
    log = log_of(traffic(300))
    verdicts, times, errors = monitor_figures(hourly(log))
    assert [trace.name for trace in verdicts.data] == list(VERDICTS)
    assert sum(sum(trace.y) for trace in verdicts.data) == 300
    assert all(a <= b for a, b in zip(times.data[0].y, times.data[1].y, strict=True))
    assert sum(sum(trace.y) for trace in errors.data) == 0
