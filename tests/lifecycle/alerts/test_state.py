"""How rules fire, resolve, keep quiet and remember."""

from __future__ import annotations

import json

import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.alerts.measures import Measured
from aletheia.lifecycle.alerts.rules import Rule
from aletheia.lifecycle.alerts.state import AlertStates

RULES = {"slow": Rule(metric="p95_ms", limit=500, clear=400, looks=2, runbook="Look.")}


def looks(states: AlertStates, values, rules=RULES, start=0.0):
    """Look once a value, a second apart; returns (second, status) of each alert."""
    told = []
    for second, value in enumerate(values):
        for alert in states.look(rules, lambda rule, v=value: Measured(v, f"p95 is {v}"), start + second):
            told.append((second, alert.status))
    return told


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([600, 300, 600, 300], []),  # one slow look wakes nobody
        ([600, 600, 600, 300, 300], [(1, "firing"), (4, "resolved")]),
        ([600, 600, 450, 450, 450], [(1, "firing")]),  # neither bad nor good: it lasts
        ([600, 600, 450, 600, 450, 600], [(1, "firing")]),  # swings about the limit
        ([600, None, 600], [(2, "firing")]),  # what cannot be judged changes nothing
        ([500, 500, 500], []),
    ],
)
def test_hysteresis(tmp_path, values, told):
    assert looks(AlertStates(tmp_path / "s.json"), values) == told


def test_state_outlives_the_process(tmp_path):
    """A look from cron knows of the one before, and tells what lasts only once."""
    told = []
    for value in (600, 600, 600, 300, 300):
        states = AlertStates(tmp_path / "s.json")
        told += [status for _, status in looks(states, [value])]
        states.save()
    assert told == ["firing", "resolved"]


def test_silence(tmp_path):
    states = AlertStates(tmp_path / "s.json")
    states.silence("slow", 10, now=0.0)
    assert looks(states, [600] * 20) == [(10, "firing")]  # it still lasts when the silence ends
    states.silence("slow", 100, now=20.0)
    assert looks(states, [300] * 5, start=20) == []
    assert states.rules["slow"].firing_since is None
    other = AlertStates(tmp_path / "other.json")
    other.silence("slow", 5, now=0.0)
    assert looks(other, [600] * 4 + [300] * 10) == []  # came and went


def test_messages(tmp_path):
    states = AlertStates(tmp_path / "s.json")
    for second, value in enumerate([600, 600, 300, 300]):
        alerts = states.look(RULES, lambda rule, v=value: Measured(v, f"p95 is {v}"), second)
        if second == 1:
            (firing,) = alerts
        elif second == 3:
            (resolved,) = alerts
    assert (firing.sentence, firing.runbook) == ("slow: p95 is 600 (limit: above 500).", "Look.")
    assert (resolved.sentence, resolved.since) == ("slow: p95 is 300; that is over.", 1)


def test_rules_that_are_gone(tmp_path):
    states = AlertStates(tmp_path / "s.json")
    looks(states, [600, 600])
    assert looks(states, [600], {"slow": RULES["slow"].model_copy(update={"enabled": False})}) == []
    assert states.rules == {}


def test_untold_comes_again(tmp_path):
    states = AlertStates(tmp_path / "s.json")
    (alert,) = [a for v in (600, 600) for a in states.look(RULES, lambda r, v=v: Measured(v, ""), 0)]
    states.untold = [alert]
    states.save()
    again = AlertStates(tmp_path / "s.json")
    assert again.look(RULES, lambda rule: Measured(600, ""), 2) == [alert]
    assert again.look(RULES, lambda rule: Measured(600, ""), 3) == []


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"rules": {"slow": {"bad": "x"}}}), '{"untold": [1]}'])
def test_damaged_file(tmp_path, content):
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(InputError, match="is damaged; delete it"):
        AlertStates(tmp_path / "s.json")


def test_events_are_kept(tmp_path, monkeypatch):
    """What began and what is over stays known for a while, also what nobody was told of."""
    states = AlertStates(tmp_path / "s.json")
    looks(states, [600, 600, 300])
    states.silence("slow", 100, now=3.0)
    looks(states, [300], start=3)
    states.save()
    kept = AlertStates(tmp_path / "s.json").events
    assert [(event.at, event.status, event.since) for event in kept] == [(1, "firing", 1), (3, "resolved", 1)]
    assert "p95 is 300; that is over." in kept[1].sentence
    monkeypatch.setattr("aletheia.lifecycle.alerts.state.MAX_EVENTS", 3)
    looks(states, [600, 600, 300, 300] * 5, start=200)
    states.save()
    assert len(AlertStates(tmp_path / "s.json").events) == 3
