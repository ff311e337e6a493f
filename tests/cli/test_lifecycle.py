"""`aletheia lifecycle`: what status prints; start and stop are tested with the process itself."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from aletheia.cli import lifecycle
from aletheia.cli.root import app
from aletheia.core.errors import InputError
from aletheia.lifecycle.retraining.record import RetrainingRecord
from aletheia.lifecycle.scheduling import daemon
from aletheia.lifecycle.scheduling.daemon import JobStatus, Status
from aletheia.lifecycle.scheduling.results import JobResult


def run(*words):
    assert any(group.typer_instance is lifecycle.app for group in app.registered_groups)
    return CliRunner().invoke(app, ["lifecycle", *map(str, words)])


@pytest.fixture
def status(monkeypatch):
    last = [JobResult("retrain", 0.0, 60.0, "error", "It broke.")]
    jobs = [JobStatus("retrain", 3600.0, last), JobStatus("prune", None, [])]
    record = RetrainingRecord(state="registered", champion="v1.0.0", version="v1.0.1", sentences=["Staged."])

    def give(pid):
        monkeypatch.setattr(daemon, "scheduler_status", lambda runs: Status(pid, jobs, record))

    return give


def test_status(status):
    status(4711)
    result = run("status")
    assert result.exit_code == 0
    assert "The scheduler runs (process 4711)." in result.output
    assert "retrain: next 1970-01-01 01:00:00\n  1970-01-01 00:01:00  error  It broke." in result.output
    assert "Last retraining of v1.0.0, begun 1970-01-01 00:00:00: registered, v1.0.1.\n  Staged." in result.output
    told = json.loads(run("status", "--json").stdout)
    assert told["jobs"][0]["last"][0]["state"] == "error" and told["retraining"]["version"] == "v1.0.1"


def test_status_of_none(status):
    status(None)
    result = run("status")
    assert result.exit_code == 1
    assert "No scheduler runs." in result.output and "retrain: waits for the scheduler" in result.output
    assert run("status", "--json").exit_code == 1


def test_start_and_stop(monkeypatch, tmp_path):
    (tmp_path / "project.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ALETHEIA_PROJECT", raising=False)
    started = []
    monkeypatch.setattr(daemon, "start_scheduler", lambda folder, words: started.append((folder, words)) or 12)
    (tmp_path / "jobs.yaml").write_text("prune: {every: never}")
    result = run("start", "--config", "jobs.yaml")
    assert "The scheduler runs (process 12); jobs: alerts, retrain, reconcile." in result.output
    assert started == [(tmp_path, [f"--config={tmp_path / 'jobs.yaml'}"])]
    assert json.loads(run("start", "--json").stdout)["pid"] == 12
    wrong = run("start", "--config", "none.yaml")
    assert isinstance(wrong.exception, InputError)
    for is_stopped, words in ((True, "was stopped"), (False, "No scheduler was running")):
        monkeypatch.setattr(daemon, "stop_scheduler", lambda is_stopped=is_stopped: is_stopped)
        assert words in run("stop").output
