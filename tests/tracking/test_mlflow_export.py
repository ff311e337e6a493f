"""The export to MLflow, read back by MLflow's own client."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.tracking import mlflow_export

pytestmark = pytest.mark.usefixtures("tracking_url")


def test_export_run_copies_everything(recorder, mlflow, uri: str) -> None:
    uid = uuid.uuid4().hex
    results = {"auc": 0.93, "epochs": 7, "best": "second", "loss": float("inf"), "odd,name": 1}
    recorder.run(uid, results=results, end_time="2026-01-02T03:05:05+00:00")
    recorder.artifact(uid, "plot", kind="plot", target_path=recorder.file("plot.html", b"<p>plot</p>"))
    recorder.artifact(uid, "table", kind="dataset", target_path=recorder.file("table.csv", b"x\n1\n"), length=1)
    summary = mlflow_export.export_run(uid, recorder.name, uri)
    assert (summary.created, summary.copied, summary.referenced) == (1, 1, 1)
    ((_, run),) = recorder.copies(mlflow).items()
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "train"
    assert (run.info.start_time, run.info.end_time) == (1767323045000, 1767323105000)
    assert run.data.params == {"lr": "0.1"}
    assert run.data.metrics["auc"] == 0.93
    assert run.data.metrics["epochs"] == 7
    assert run.data.metrics["loss"] > 1e300
    assert run.data.metrics["odd_name"] == 1
    assert run.data.tags["result.best"] == "second"
    assert run.data.tags["label.owner"] == "ada"
    assert run.data.tags["input.table"] == "store://datasets/x/y"
    assert Path(mlflow.download_artifacts(run.info.run_id, "plot/plot.html")).read_bytes() == b"<p>plot</p>"
    references = json.loads(Path(mlflow.download_artifacts(run.info.run_id, "mlrun-artifacts.json")).read_text())
    assert references["plot"]["copied"] is True
    assert references["table"]["copied"] is False
    assert references["table"]["uri"].startswith(f"store://datasets/{recorder.name}/train_table")
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.source_type) == ("table", "mlrun")


def test_export_project_nests_iterations(recorder, mlflow, uri: str) -> None:
    uid = uuid.uuid4().hex
    recorder.run(uid, results={"loss": 0.2})
    for iteration in (1, 2):
        recorder.run(uid, iteration, results={"loss": 0.1 * iteration})
        recorder.artifact(uid, "note", iteration, target_path=recorder.file(f"{iteration}/note.txt", b"%d" % iteration))
    mlflow_export.export_project(recorder.name, uri)
    copies = recorder.copies(mlflow)
    assert set(copies) == {(uid, 0), (uid, 1), (uid, 2)}
    parent = copies[uid, 0].info.run_id
    for iteration in (1, 2):
        run = copies[uid, iteration]
        assert run.data.tags["mlflow.parentRunId"] == parent
        assert run.data.metrics["loss"] == pytest.approx(0.1 * iteration)
        assert Path(mlflow.download_artifacts(run.info.run_id, "note/note.txt")).read_text() == str(iteration)
    assert "mlflow.parentRunId" not in copies[uid, 0].data.tags


def test_export_project_again_creates_nothing_twice(recorder, mlflow, uri: str) -> None:
    uid, other = uuid.uuid4().hex, uuid.uuid4().hex
    recorder.run(uid, results={"auc": 0.5})
    recorder.run(other, results={"auc": 0.6}, state="running")
    recorder.artifact(uid, "model", kind="model", target_path=recorder.file("m/model.bin", b"w"), metrics={"auc": 0.5})
    first = mlflow_export.export_project(recorder.name, uri)
    assert (first.created, first.models) == (2, 1)
    again = mlflow_export.export_project(recorder.name, uri)
    assert (again.created, again.updated, again.unchanged, again.models) == (0, 0, 2, 0)
    assert recorder.copies(mlflow)[other, 0].info.status == "RUNNING"
    recorder.run(other, results={"auc": 0.7, "more": 1}, state="error", error="out of luck")
    third = mlflow_export.export_project(recorder.name, uri)
    assert (third.created, third.updated, third.unchanged, third.models) == (0, 1, 1, 0)
    changed = recorder.copies(mlflow)[other, 0]
    assert changed.info.status == "FAILED"
    assert changed.data.metrics == {"auc": 0.7, "more": 1}
    assert changed.data.tags["mlrun.error"] == "out of luck"


def test_export_project_keeps_deleted_copies_deleted(recorder, mlflow, uri: str) -> None:
    uid = uuid.uuid4().hex
    recorder.run(uid)
    mlflow_export.export_project(recorder.name, uri)
    mlflow.delete_run(recorder.copies(mlflow)[uid, 0].info.run_id)
    recorder.run(uid, results={"auc": 1})
    assert mlflow_export.export_project(recorder.name, uri).created == 0
    assert recorder.copies(mlflow) == {}


def test_export_names_unknown_things(recorder, uri: str) -> None:
    with pytest.raises(InputError, match="no-such-project"):
        mlflow_export.export_project("no-such-project", uri)
    with pytest.raises(InputError, match="no-such-run"):
        mlflow_export.export_run("no-such-run", recorder.name, uri)
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:9"):
        mlflow_export.export_project(recorder.name, "http://127.0.0.1:9")


def test_default_uri_is_beside_the_database(tracking_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mlflow_export.default_uri() == f"sqlite:///{tracking_home}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example")
    assert mlflow_export.default_uri() == "http://mlflow.example"


def test_export_project_refuses_a_deleted_experiment(recorder, mlflow, uri: str) -> None:
    recorder.run(uuid.uuid4().hex)
    mlflow_export.export_project(recorder.name, uri)
    mlflow.delete_experiment(mlflow.get_experiment_by_name(recorder.name).experiment_id)
    with pytest.raises(InputError, match="mlflow experiments restore"):
        mlflow_export.export_project(recorder.name, uri)


def test_plan_export_counts_and_writes_nothing(recorder, uri, tmp_path):
    recorder.run("u")
    recorder.run("u", 1)
    absent = f"sqlite:///{tmp_path / 'absent.db'}"
    plan = mlflow_export.plan_export(recorder.name, absent)
    assert (plan.created, plan.updated, plan.unchanged) == (2, 0, 0) and not (tmp_path / "absent.db").exists()
    mlflow_export.export_project(recorder.name, uri)
    recorder.run("u", last_update="2026-02-02T00:00:00+00:00")
    recorder.run("v")
    for _ in range(2):
        plan = mlflow_export.plan_export(recorder.name, uri)
        assert (plan.created, plan.updated, plan.unchanged) == (1, 1, 1)
    with pytest.raises(InputError, match="There is no project"):
        mlflow_export.plan_export("nothing", uri)
