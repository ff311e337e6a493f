"""Each run is copied to MLflow when it ends, if MLFLOW_TRACKING_URI is set."""

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


def test_only_runs_that_ended_since_are_copied(recorder, mlflow, uri, tracking_url):
    recorder.run(uuid.uuid4().hex, name="before")
    mirror = Mirror(tracking_url, recorder.name, uri)
    going = uuid.uuid4().hex
    recorder.run(going, name="going", state="running")
    recorder.run(uuid.uuid4().hex, name="failed", state="error", error="no such file")
    mirror.poll()
    assert names(mlflow, recorder.name) == ["failed"]
    recorder.run(going, name="going", state="completed")
    mirror.poll()
    mirror.poll()
    assert names(mlflow, recorder.name) == ["failed", "going"]
    assert mirror.copied == 2


def test_a_failing_export_is_told_and_costs_nothing(recorder, tracking_url, tmp_path, capsys):
    mirror = Mirror(tracking_url, recorder.name, "http://127.0.0.1:9")
    uid = uuid.uuid4().hex
    recorder.run(uid)
    mirror.finish()
    assert uid in (said := capsys.readouterr().err)
    assert "aletheia tracking export" in said
    assert mirror.copied == 0


def test_nothing_without_the_variable(tracking_url, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert start_mirror(tracking_url, "some-project") is None


def test_an_mlflow_that_is_not_there_is_refused_before_the_first_run(tracking_url, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="MLFLOW_TRACKING_URI"):
        start_mirror(tracking_url, "another-project")


@pytest.mark.slow
def test_a_process_copies_its_last_run_before_it_ends(recorder, mlflow, uri, tracking_url, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    code = (
        "import sys, httpx; from aletheia.tracking.mlflow_mirror import start_mirror;"
        "url, project = sys.argv[1:]; start_mirror(url, project);"
        "body = {'metadata': {'name': 'last', 'uid': 'abc', 'iteration': 0}, 'spec': {},"
        " 'status': {'state': 'completed', 'start_time': '2026-01-02T03:04:05+00:00'}};"
        "httpx.post(f'{url}/api/v1/projects/{project}/runs/abc', json=body, trust_env=False).raise_for_status()"
    )
    done = subprocess.run([sys.executable, "-c", code, tracking_url, recorder.name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert names(mlflow, recorder.name) == ["last"]
    assert "copied 1 run to" in done.stderr
