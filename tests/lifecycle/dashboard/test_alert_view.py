"""Rules and their states as the dashboard has them."""

from __future__ import annotations

import os

import pytest

from aletheia.lifecycle.alerts.measures import Measured
from aletheia.lifecycle.alerts.rules import DEFAULT_RULES
from aletheia.lifecycle.alerts.state import AlertStates, states_path
from aletheia.lifecycle.dashboard.alert_view import describe_alerts, firing_stretches

NOW = 10_000.0


@pytest.fixture
def log(tmp_path):
    """A log beside which slow fired, failing fired and was over, and disk is silenced while it fires."""
    log = tmp_path / "log.sqlite"
    states = AlertStates(states_path(log))

    def look(now, **values):
        states.look(DEFAULT_RULES, lambda rule: Measured(values.get(rule.metric), f"{rule.metric} is so"), now)

    for now in (100, 200):
        look(now, fault_rate=0.5)
    for now in (300, 400):
        look(now, fault_rate=0.0, p95_ms=900.0, disk_free_bytes=1.0)
    states.silence("disk", 50_000, now=500)
    states.save()
    os.utime(states_path(log), (NOW - 60, NOW - 60))
    return log


def test_states(log):
    found = describe_alerts(log, DEFAULT_RULES, NOW)
    states = {rule["name"]: rule["status"] for rule in found["rules"]}
    assert states == dict.fromkeys(DEFAULT_RULES, "quiet") | {"slow": "firing", "disk": "silenced"}
    assert next(iter(states)) == "slow"  # what fires comes first
    assert found["is_watched"]
    slow, disk = found["rules"][:2]
    assert slow["sentence"].startswith("slow: p95_ms is so (limit: above 500)")
    assert slow["runbook"] == DEFAULT_RULES["slow"].runbook
    assert (disk["silenced_until"], disk["since"]) == (50_500, 400)
    assert [(event["rule"], event["status"], event["at"]) for event in found["events"]] == [
        ("slow", "firing", 400),
        ("failing", "resolved", 400),
        ("disk", "firing", 400),
        ("failing", "firing", 200),
    ]
    assert ("failing", 200, 400) in firing_stretches(found, NOW)
    assert ("slow", 400, NOW) in firing_stretches(found, NOW)


def test_nobody_watches(tmp_path, log):
    found = describe_alerts(tmp_path / "other.sqlite", DEFAULT_RULES, NOW)
    assert (found["looked"], found["is_watched"], found["events"]) == (None, False, [])
    assert {rule["status"] for rule in found["rules"]} == {"quiet"}
    assert not describe_alerts(log, DEFAULT_RULES, NOW + 3600)["is_watched"]


def test_damaged(log):
    states_path(log).write_text('{"rules": {"slow": "yes"}}')
    found = describe_alerts(log, DEFAULT_RULES, NOW)
    assert "damaged" in found["problem"]
    assert len(found["rules"]) == len(DEFAULT_RULES)
