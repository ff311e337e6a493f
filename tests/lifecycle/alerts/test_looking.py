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
