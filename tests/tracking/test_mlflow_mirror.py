"""Copying of runs to MLflow as they end."""

from __future__ import annotations

import subprocess
import sys
import uuid

import pytest

from aletheia.core.errors import InputError
from aletheia.tracking.mlflow_mirror import Mirror, start_mirror


def names(mlflow, project: str) -> list[str]:
    experiment = mlflow.get_experiment_by_name(project)
    return sorted(run.info.run_name for run in mlflow.search_runs([experiment.experiment_id])) if experiment else []


def test_poll_copies_runs_that_ended_since(recorder, mlflow, uri, tracking_url):
    recorder.run(uuid.uuid4().hex, name="before")
    mirror = Mirror(tracking_url, recorder.name, uri)
    unfinished = uuid.uuid4().hex
    recorder.run(unfinished, name="going", state="running")
    recorder.run(uuid.uuid4().hex, name="failed", state="error", error="no such file")
    mirror.poll()
    assert names(mlflow, recorder.name) == ["failed"]
    recorder.run(unfinished, name="going", state="completed")
    mirror.poll()
    mirror.poll()
    assert names(mlflow, recorder.name) == ["failed", "going"]
    assert mirror.copied == 2


def test_finish_reports_a_failing_export(recorder, tracking_url, tmp_path, capsys):
    mirror = Mirror(tracking_url, recorder.name, "http://127.0.0.1:9")
    uid = uuid.uuid4().hex
    recorder.run(uid)
    mirror.finish()
    output = capsys.readouterr().err
    assert uid in output
    assert "aletheia tracking export" in output
    assert mirror.copied == 0


def test_start_mirror_without_the_variable(tracking_url, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert start_mirror(tracking_url, "some-project") is None


def test_start_mirror_refuses_an_mlflow_that_does_not_answer(tracking_url, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="MLFLOW_TRACKING_URI"):
        start_mirror(tracking_url, "another-project")


@pytest.mark.slow
def test_start_mirror_copies_the_last_run_at_exit(recorder, mlflow, uri, tracking_url, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    code = (
        "import sys, httpx; from aletheia.tracking.mlflow_mirror import start_mirror;"
        "url, project = sys.argv[1:]; start_mirror(url, project);"
        "body = {'metadata': {'name': 'last', 'uid': 'abc', 'iteration': 0}, 'spec': {},"
        " 'status': {'state': 'completed', 'start_time': '2026-01-02T03:04:05+00:00'}};"
        "path = f'/api/v1/projects/{project}/runs/abc';"
        "httpx.post(url + path, json=body, trust_env=False, timeout=120).raise_for_status()"
    )
    process = subprocess.run([sys.executable, "-c", code, tracking_url, recorder.name], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert names(mlflow, recorder.name) == ["last"]
    assert "copied 1 run to" in process.stderr
