"""One look: measured, told, remembered."""

from __future__ import annotations

import json

from aletheia.lifecycle.alerts.looking import look_once
from aletheia.lifecycle.alerts.rules import AlertConfig, Rule
from aletheia.lifecycle.alerts.state import AlertStates


def test_a_look_is_told_and_remembered(tmp_path, write_log, capsys):
    log = write_log()
    config = AlertConfig(
        rules={"disk": Rule(metric="disk_free_bytes", limit=1e18, below=True, looks=2, at_least=0)},
        webhooks=["http://127.0.0.1:9/nobody"],
    )
    states = AlertStates(tmp_path / "states.json")
    assert look_once(config, states, log) == []
    failures = look_once(config, states, log)
    assert len(failures) == 1 and "http://127.0.0.1:9 did not take an alert" in failures[0]
    assert "FIRING disk" in capsys.readouterr().err
    stored = json.loads((tmp_path / "states.json").read_text())
    assert stored["rules"]["disk"]["bad"] == 2 and len(stored["untold"]) == 1


def test_a_silence_of_another_process_lasts(tmp_path, write_log, capsys):
    """Who watches holds the states from look to look; what others write meanwhile counts, and stays."""
    log = write_log()
    rule = Rule(metric="disk_free_bytes", limit=1e18, below=True, looks=2, at_least=0)
    config, watching = AlertConfig(rules={"disk": rule}), AlertStates(tmp_path / "states.json")
    look_once(config, watching, log)
    other = AlertStates(tmp_path / "states.json")
    with other.changing():
        other.silence("disk", 3600)
    for _ in range(3):
        assert look_once(config, watching, log) == []
    assert "FIRING" not in capsys.readouterr().err
    assert AlertStates(tmp_path / "states.json").rules["disk"].silenced_until == other.rules["disk"].silenced_until


def test_two_who_look_tell_once(tmp_path, write_log, capsys):
    log = write_log()
    rule = Rule(metric="disk_free_bytes", limit=1e18, below=True, looks=1, at_least=0)
    config = AlertConfig(rules={"disk": rule})
    first, second = AlertStates(tmp_path / "states.json"), AlertStates(tmp_path / "states.json")
    look_once(config, first, log)
    look_once(config, second, log)
    assert capsys.readouterr().err.count("FIRING disk") == 1
