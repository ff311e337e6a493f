"""Conformance: workflows on the local engine, and the stock command."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

mlrun = pytest.importorskip("mlrun")

WORKFLOW = textwrap.dedent(
    """
    import mlrun


    def pipeline(rows: int = 4):
        project = mlrun.get_current_project()
        first = project.run_function(
            "worker", name="first", handler="prepare", params={"rows": rows}, outputs=["table"]
        )
        table = first.outputs["table"]
        project.run_function("worker", name="second", handler="count", inputs={"table": table})
    """
)


def test_workflow_chains_functions(project, db, tmp_path: Path) -> None:
    (tmp_path / "workflow.py").write_text(WORKFLOW)
    project.set_workflow("main", str(tmp_path / "workflow.py"))
    status = project.run("main", arguments={"rows": 6}, engine="local", watch=True, dirty=True)
    assert status.state in ("Succeeded", "completed", mlrun.common.runtimes.constants.RunStates.completed)
    runs = db.list_runs(project=project.metadata.name, labels=f"workflow={status.run_id}")
    assert {item["metadata"]["name"]: item["status"]["state"] for item in runs} == {
        "first": "completed",
        "second": "completed",
    }
    second = next(item for item in runs if item["metadata"]["name"] == "second")
    assert second["status"]["results"]["rows"] == 6
    first = db.read_run(next(r for r in runs if r["metadata"]["name"] == "first")["metadata"]["uid"], project.name)
    assert [item["metadata"]["key"] for item in first["status"]["artifacts"]] == ["table"]


def test_workflow_is_a_pipeline(project, db) -> None:
    """A recorded workflow as the stock client reads it."""
    uid, name = "f" * 32, project.metadata.name
    labels = {"kind": "workflow", "workflow": uid}
    run = {
        "metadata": {"name": "main", "uid": uid, "project": name, "labels": labels},
        "status": {"state": "completed"},
    }
    db.store_run(run, uid, name)
    listed = db.list_pipelines(name)
    assert (listed.total_size, [pipeline["id"] for pipeline in listed.runs]) == (1, [uid])
    assert db.get_pipeline(uid, project=name)["status"] == "Succeeded"


def test_workflow_failing_reports_it(project, tmp_path: Path) -> None:
    (tmp_path / "workflow.py").write_text(WORKFLOW.replace('handler="count"', 'handler="fail"'))
    project.set_workflow("main", str(tmp_path / "workflow.py"))
    status = project.run("main", engine="local", watch=False, dirty=True)
    assert status.state.lower() in ("failed", "error")


@pytest.mark.slow
def test_mlrun_command_runs_a_workflow(project, db, tmp_path: Path, tracking_url: str) -> None:
    (tmp_path / "project" / "workflow.py").write_text(WORKFLOW)
    project.set_workflow("main", "workflow.py")
    project.save()
    command = [sys.executable, "-m", "mlrun"]
    environment = {**os.environ, "MLRUN_DBPATH": tracking_url}
    subprocess.run(
        [*command, "project", "./", "-r", "main", "--engine", "local", "-a", "rows=3", "-w"],
        cwd=tmp_path / "project",
        env=environment,
        check=True,
        timeout=200,
        capture_output=True,
    )
    (second,) = db.list_runs("second", project=project.metadata.name)
    assert second["status"]["results"]["rows"] == 3
    listed = subprocess.run(
        [*command, "get", "runs", "-p", project.metadata.name],
        env=environment,
        check=True,
        timeout=100,
        capture_output=True,
        text=True,
    )
    assert "second" in listed.stdout
