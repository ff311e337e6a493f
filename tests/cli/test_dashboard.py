"""`aletheia monitor --dashboard`: a process of its own that serves, and refuses what it cannot do."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import httpx
import pytest

from aletheia.cli.dashboard import serve_dashboard
from aletheia.cli.monitor import monitor
from aletheia.core.errors import InputError
from aletheia.lifecycle.feedback.place import store_path
from aletheia.lifecycle.feedback.statement import ACCEPTED, Decision, Statement
from aletheia.lifecycle.feedback.store import FeedbackStore
from aletheia.lifecycle.prediction_log.table import PredictionTable

from ..lifecycle.logs import traffic
from ..waiting import PATIENCE, wait_for


def test_open_to_the_network(tmp_path, monkeypatch):
    monkeypatch.delenv("ALETHEIA_API_KEY", raising=False)
    with pytest.raises(InputError, match="ALETHEIA_API_KEY"):
        serve_dashboard(tmp_path / "log", None, "0.0.0.0", 0, [])


def test_unusable_options(tmp_path):
    for other in ({"watch": True}, {"applications": True}, {"prometheus_rules": tmp_path / "rules.yaml"}):
        with pytest.raises(InputError, match="another `aletheia monitor`"):
            monitor(log=tmp_path / "log", dashboard=True, **other)
    (tmp_path / "alerts.yaml").write_text("rules: {slow: {limit: fast}}")
    with pytest.raises(InputError, match=r"alerts\.yaml does not fit"):
        serve_dashboard(tmp_path / "log", tmp_path / "alerts.yaml", "127.0.0.1", 0, [])


def accept_labels(folder, labels):
    store, now = FeedbackStore(store_path(folder)), time.time()
    for answer, label in labels.items():
        store.add(Statement(answer, "caller", label, "own", now))
    store.decide([Decision(answer, ACCEPTED, label, "own", now, "ops", now) for answer, label in labels.items()])


@pytest.mark.slow
def test_served_until_a_signal(tmp_path):
    table = PredictionTable(tmp_path / "log.sqlite")
    entries = list(traffic(40, start=time.time() - 1500))
    table.append(entries)
    table.close()
    accept_labels(tmp_path, {entry.id: 0 for entry in entries[:10]})
    command = [
        sys.executable,
        "-m",
        "aletheia.cli",
        "monitor",
        "--dashboard",
        "--port",
        "0",
        "--log",
        tmp_path / "log.sqlite",
    ]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        line = running.stderr.readline()
        assert line.startswith("The dashboard: http://127.0.0.1:"), line
        address = line.split()[2]
        asked = f"{address}/api/v1/summary?period=hour"
        wait_for(lambda: httpx.get(asked, timeout=PATIENCE).json()["total"]["requests"] == 40)
        labels = httpx.get(asked, timeout=PATIENCE).json()["labels"]
        assert (labels["labels"], labels["problem"]) == (10, "")
        assert "What the service answers" in httpx.get(address, timeout=PATIENCE).text
        assert httpx.get(address, headers={"Host": "evil.example"}, timeout=PATIENCE).status_code == 403
    finally:
        running.send_signal(signal.SIGTERM)
        _, rest = running.communicate(timeout=PATIENCE)
    assert running.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in rest
