"""Training curves as metrics by epoch."""

from __future__ import annotations

import pytest

from aletheia.tracking.mlflow_curves import CURVES
from aletheia.tracking.mlflow_export import export_project

TABLE = b"epoch,train_loss,val_auc\n1.0,0.7,0.5\n2.0,0.5,nan\n3.0,0.4,0.9\n"


def test_curves_have_steps(recorder, mlflow, uri):
    recorder.run("u")
    recorder.artifact("u", CURVES, kind="dataset", target_path=recorder.file("curves.csv", TABLE))
    export_project(recorder.name, uri)
    recorder.run("u", last_update="2026-02-02T00:00:00+00:00")
    export_project(recorder.name, uri)  # again, since the run has changed
    run_id = recorder.copies(mlflow)["u", 0].info.run_id
    history = {name: mlflow.get_metric_history(run_id, name) for name in ("epoch/train_loss", "epoch/val_auc")}
    assert [(m.step, m.value) for m in history["epoch/train_loss"]] == [(1, 0.7), (2, 0.5), (3, 0.4)]
    assert [(m.step, m.value) for m in history["epoch/val_auc"]] == [(1, 0.5), (3, 0.9)]


@pytest.mark.parametrize("data", [b"name,loss\nx,1\n", b"\xff\xfe\0", b""])
def test_curves_that_are_none_add_nothing(recorder, mlflow, uri, data):
    recorder.run("u")
    recorder.artifact("u", CURVES, kind="dataset", target_path=recorder.file("curves.csv", data))
    export_project(recorder.name, uri)
    assert not any(name.startswith("epoch/") for name in recorder.copies(mlflow)["u", 0].data.metrics)
