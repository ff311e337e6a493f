"""`run_workflow`: arguments, summary, and failures, with a project that only records its call."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path
from types import SimpleNamespace

import mlrun
import pytest
from rich.console import Console

from aletheia.core.errors import DISK_FULL, InputError
from aletheia.project.run_config import RunConfig
from aletheia.project.runner import run_workflow


class Database:
    """A tracking service that lists these steps and records changes."""

    def __init__(self, steps: tuple) -> None:
        self.steps, self.changes = steps, []

    def list_runs(self, **query) -> tuple:
        return self.steps

    def update_run(self, change: dict, uid: str, project: str) -> None:
        self.changes.append((uid, change["status.state"], project))


class Project:
    """A project whose workflow ends as the test sets."""

    name, exc = "aletheia", None

    def __init__(self, state: str) -> None:
        self.state, self.calls = state, []

    def run(self, name: str, **options) -> SimpleNamespace:
        self.calls.append((name, options))
        print("> MLRun's own output")
        return SimpleNamespace(state=self.state, run_id="w", exc=self.exc)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the workflow with steps as the tracking service would list them; returns summary, calls and terminal."""
    (tmp_path / "project.yaml").touch()
    monkeypatch.setenv("ALETHEIA_PROJECT", str(tmp_path))

    def start(state: str = "Succeeded", steps: tuple = (), config: RunConfig | None = None):
        project, terminal = Project(state), io.StringIO()
        start.database = Database(steps)
        monkeypatch.setattr("aletheia.project.runner.open_project", lambda root: project)
        monkeypatch.setattr(mlrun, "get_run_db", lambda: start.database)
        try:
            summary = run_workflow(config or RunConfig(), console=Console(file=terminal, width=100))
        finally:
            start.terminal = terminal.getvalue()
        return summary, project.calls

    return start


def step(name: str, error: str = "", **results) -> dict:
    state = {"state": "error", "error": error} if error else {"state": "completed"}
    return {"metadata": {"name": name, "uid": name}, "spec": {}, "status": {**state, "results": results}}


RUNNING = {"metadata": {"name": "train", "uid": "train"}, "spec": {}, "status": {"state": "running"}}
PREPARED = step("prepare-data", fake_share_before=0.8, fake_share_train=0.5, rows_train=3)


def test_run_workflow_hands_over_set_options_only(run, tmp_path):
    pool = str(tmp_path / "pool")
    Path(pool).mkdir()
    (tmp_path / "pool" / "a.jpg").touch()
    summary, calls = run(steps=(PREPARED,), config=RunConfig(seed=3, real_pool=pool))
    arguments = {"real_pool": pool, "seed": 3}
    assert calls == [("main", {"arguments": arguments, "engine": "local", "watch": True})]
    assert summary["state"] == "completed" and summary["rows"]["train"] == 3
    assert json.loads((tmp_path / "artifacts" / "summary.json").read_text()) == summary
    assert (tmp_path / "artifacts" / "run.log").read_text() == "> MLRun's own output\n"
    assert "Results" in run.terminal and "summary.json" in run.terminal
    (folder,) = (tmp_path / "artifacts" / "runs").iterdir()
    assert sorted(file.name for file in folder.iterdir()) == ["run.log", "summary.json"]
    assert "MLRun" not in run.terminal


def test_run_workflow_failed_step(run):
    summary, _ = run("Failed", (step("train", "division by zero"),))
    assert summary["state"] == "error" and summary["errors"] == {"train": "division by zero"}
    assert "train failed: division by zero" in run.terminal and "/run.log" in run.terminal


def test_run_workflow_mistake_of_the_user(run, monkeypatch):
    def fail(self, name, **options):
        InputError("No such folder.")
        return SimpleNamespace(state="Failed", run_id="w", exc=None)

    monkeypatch.setattr(Project, "run", fail)
    with pytest.raises(InputError, match=r"^extract-faces failed\. No such folder\.$"):
        run("Failed", (step("extract-faces", "No such folder."),))


def test_run_workflow_full_disk(run):
    with pytest.raises(InputError, match=f"train failed. {DISK_FULL}"):
        run("Failed", (step("train", f"[Errno 28] {os.strerror(errno.ENOSPC)}"),))


def test_run_workflow_keeps_mlruns_lines_in_the_log(run, monkeypatch, tmp_path):
    """Also where MLRun was imported before, as by a bucket: with --json the output is JSON and nothing else."""
    terminal = io.StringIO()
    before = mlrun.utils.logger.get_handler("default").stream
    mlrun.utils.logger.replace_handler_stream("default", terminal)
    try:
        monkeypatch.setattr(Project, "exc", property(lambda self: mlrun.utils.logger.error("a line of MLRun")))
        run(steps=(PREPARED,))
        assert mlrun.utils.logger.get_handler("default").stream is terminal
    finally:
        mlrun.utils.logger.replace_handler_stream("default", before)
    assert terminal.getvalue() == "" and "a line of MLRun" in (tmp_path / "artifacts" / "run.log").read_text()


def test_run_workflow_interrupted(run, monkeypatch):
    def interrupt(self, name, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Project, "run", interrupt)
    monkeypatch.setattr("aletheia.project.runner.current_workflow", lambda: ("aletheia", "w"))
    with pytest.raises(KeyboardInterrupt):
        run(steps=(PREPARED, RUNNING))
    assert run.database.changes == [("train", "aborted", "aletheia")]


def test_run_workflow_ends_the_step_that_an_error_from_outside_broke_into(run, monkeypatch):
    monkeypatch.setattr(Project, "exc", OSError("the cluster is gone"))
    run("Failed", (PREPARED, RUNNING))
    assert run.database.changes == [("train", "error", "aletheia")]
