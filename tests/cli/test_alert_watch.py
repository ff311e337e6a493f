"""`aletheia monitor --alerts` and `--watch`: looks from cron, and a process that looks until it is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from aletheia.cli.alert_watch import look_at_rules
from aletheia.core.errors import InputError
from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.prediction_log.table import PredictionTable

from ..waiting import PATIENCE


@pytest.fixture
def log(tmp_path):
    """A log with nothing but faults of the service, of just now."""
    table = PredictionTable(tmp_path / "log.sqlite")
    table.append([LogEntry(time.time() - 5, str(n), "v", "u", error="internal") for n in range(30)])
    table.close()
    return tmp_path / "log.sqlite"


def rules(tmp_path, text="rules: {failing: {looks: 2}, disk: {enabled: false}, silent: {enabled: false}}"):
    (tmp_path / "alerts.yaml").write_text(text)
    return tmp_path / "alerts.yaml"


def test_two_looks(log, tmp_path, capsys):
    assert not look_at_rules(log, rules(tmp_path), watch=False, every=1)
    assert look_at_rules(log, rules(tmp_path), watch=False, every=1)
    shown = capsys.readouterr()
    assert "FIRING failing: 30 of 30 requests failed by the service's fault (limit: above 0.01)" in shown.err
    assert "failing: fires\n" in shown.out
    assert (tmp_path / "log.sqlite.alerts.json").is_file()


def test_silenced(log, tmp_path, capsys):
    for _ in range(3):
        assert not look_at_rules(log, rules(tmp_path), watch=False, every=1, silences=["failing=1h"])
    assert "FIRING" not in capsys.readouterr().err


def test_a_silence_alone_looks_at_nothing(log, tmp_path, capsys):
    """The usual rules need not be those of whoever watches: their states stay, and so does the rule of another file."""
    own = rules(tmp_path, "rules: {crowded: {metric: answers, limit: 5, looks: 1}, failing: {enabled: false}}")
    table = PredictionTable(log)
    table.append([LogEntry(time.time() - 5, f"a{n}", "v", "u", verdict="real") for n in range(30)])
    table.close()
    assert look_at_rules(log, own, watch=False, every=1)
    before = json.loads((tmp_path / "log.sqlite.alerts.json").read_text())["rules"]
    capsys.readouterr()
    assert not look_at_rules(log, None, watch=False, every=1, silences=["crowded=1h", "worse=1h"])
    after = json.loads((tmp_path / "log.sqlite.alerts.json").read_text())["rules"]
    assert after["crowded"]["firing_since"] == before["crowded"]["firing_since"] > 0
    assert after["slow"] == before["slow"]
    assert "crowded: fires, silenced until 2" in capsys.readouterr().out
    assert not look_at_rules(log, None, watch=False, every=1, silences=["crowded=1h"], as_json=True)
    shown = json.loads(capsys.readouterr().out)["rules"]
    assert shown["crowded"]["status"] == "firing" and shown["crowded"]["silenced_until"] > time.time() + 3000
    assert shown["slow"] == {"status": "quiet", "since": None, "silenced_until": None}


@pytest.mark.parametrize(("text", "sentence"), [("none=1h", "names no rule; there are"), ("slow=soon", "no span")])
def test_wrong_silence(log, text, sentence):
    with pytest.raises(InputError, match=sentence):
        look_at_rules(log, None, watch=False, every=1, silences=[text])


@pytest.mark.slow
def test_watch(log, tmp_path):
    """The process tells of the fault by itself, and ends with 1 at SIGTERM, since the rule still fires."""
    command = [sys.executable, "-m", "aletheia.cli", "monitor", "--log", log, "--alerts", rules(tmp_path)]
    running = subprocess.Popen(
        [*command, "--watch", "--look", "1s", "--metrics-port", "0"], stderr=subprocess.PIPE, text=True, env=os.environ
    )
    for line in running.stderr:
        if "Numbers for Prometheus" in line:
            address = line.split()[-1]
        if "FIRING failing" in line:
            break
    with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
        assert 'aletheia_rule_value{metric="fault_rate",rule="failing"} 1.0' in answer.read().decode()
    running.send_signal(signal.SIGTERM)
    assert running.wait(PATIENCE) == 1
    running.stderr.close()
