"""Copies of single runs in MLflow."""

from __future__ import annotations

import pytest

from aletheia.tracking.mlflow_exporter import Exporter, ExportSummary
from aletheia.tracking.mlflow_runs import copy_run
from aletheia.tracking.reader import Reader


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("completed", "FINISHED"),
        ("error", "FAILED"),
        ("aborted", "KILLED"),
        ("running", "RUNNING"),
        ("pending", "SCHEDULED"),
    ],
)
def test_copy_run_translates_the_state(recorder, mlflow, uri, tracking_url, state, status):
    recorder.run("u", state=state, error="out of luck")
    summary = ExportSummary(uri)
    with Reader(tracking_url) as reader:
        exporter = Exporter(mlflow, reader, recorder.name, summary)
        (run,) = reader.runs(recorder.name)
        copy_run(exporter, run)
        assert (summary.created, summary.unchanged) == (1, 0)
        again = Exporter(mlflow, reader, recorder.name, summary)
        copy_run(again, run)
        assert (summary.created, summary.unchanged) == (1, 1)
    copy = recorder.copies(mlflow)["u", 0]
    assert copy.info.status == status
    assert (copy.data.tags["mlrun.state"], copy.data.tags["mlrun.error"]) == (state, "out of luck")
    assert copy.data.tags["mlflow.user"] == "ada"


def test_copy_run_nests_steps_in_their_workflow(recorder, mlflow, uri, tracking_url):
    """Also when the step is copied first, as it ends first."""
    recorder.run("w", name="main", labels={"workflow": "w", "kind": "workflow"}, state="running")
    recorder.run("u", labels={"workflow": "w"})
    recorder.run("v", labels={"workflow": "gone"})
    with Reader(tracking_url) as reader:
        exporter = Exporter(mlflow, reader, recorder.name, ExportSummary(uri))
        for uid in ("u", "v", "w"):
            copy_run(exporter, reader.runs(recorder.name, uid)[0])
    copies = recorder.copies(mlflow)
    assert copies["u", 0].data.tags["mlflow.parentRunId"] == copies["w", 0].info.run_id
    assert all("mlflow.parentRunId" not in copies[uid, 0].data.tags for uid in ("v", "w"))
    assert len(copies) == 3
