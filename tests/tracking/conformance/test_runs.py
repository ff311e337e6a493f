"""Conformance: runs, grids of iterations, logs, deleting."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

mlrun = pytest.importorskip("mlrun")


def test_run_stores_everything(project, run, db) -> None:
    result = run(params={"lr": 0.5, "batch": 4}, labels={"purpose": "test"})
    stored = db.read_run(result.uid(), project.metadata.name)
    assert stored["status"]["state"] == "completed"
    assert stored["status"]["results"]["loss"] == pytest.approx(0.494)
    assert stored["spec"]["parameters"] == {"lr": 0.5, "batch": 4}
    assert stored["metadata"]["labels"]["purpose"] == "test"
    assert set(stored["status"]["artifact_uris"]) == {"note", "model"}
    assert {item["metadata"]["key"] for item in stored["status"]["artifacts"]} == {"note", "model"}
    assert result.outputs["model"].startswith(f"store://models/{project.metadata.name}/")
    assert mlrun.get_dataitem(result.outputs["note"]).get() == b"lr=0.5 batch=4"


def test_run_raising_is_an_error_with_its_reason(project, run, db) -> None:
    with pytest.raises(mlrun.runtimes.utils.RunError):
        run("fail")
    (stored,) = db.list_runs("fail", project=project.metadata.name)
    assert stored["status"]["state"] == "error"
    assert "the reason it failed" in stored["status"]["error"]


def test_read_run_unknown_is_not_found(project, db) -> None:
    with pytest.raises(mlrun.errors.MLRunNotFoundError):
        db.read_run(uuid.uuid4().hex, project.metadata.name)


def test_update_run_sets_dotted_paths(project, run, db) -> None:
    uid, name = run().uid(), project.metadata.name
    db.update_run({"status.results.extra": 7, "metadata.labels.checked": "yes"}, uid, name)
    stored = db.read_run(uid, name)
    assert stored["status"]["results"]["extra"] == 7
    assert "loss" in stored["status"]["results"]
    assert [item["metadata"]["uid"] for item in db.list_runs(project=name, labels="checked=yes")] in (
        [uid],
        [],
    )


def test_input_by_store_address(project, run) -> None:
    table = run("prepare", params={"rows": 5}).outputs["table"]
    assert table.startswith("store://datasets/")
    counted = run("count", inputs={"table": table})
    assert counted.outputs["rows"] == 5
    assert counted.status.state == "completed"


def test_log_appended_and_read_in_parts(project, run, db) -> None:
    uid, name = run().uid(), project.metadata.name
    db.store_log(uid, name, b"first\n")
    db.store_log(uid, name, b"second\n", append=True)
    state, text = db.get_log(uid, name)
    assert state == "completed"
    assert text == b"first\nsecond\n"
    assert db.get_log(uid, name, offset=6, size=3)[1] == b"sec"
    assert db.get_log_size(uid, name) == len(b"first\nsecond\n")


def test_abort_run_only_once(project, db) -> None:
    uid, name = uuid.uuid4().hex, project.metadata.name
    labels = {"kind": "job"}
    body = {
        "metadata": {"name": "long", "uid": uid, "project": name, "labels": labels},
        "status": {"state": "running"},
    }
    db.store_run(body, uid, name)
    db.abort_run(uid, name, status_text="enough")
    stored = db.read_run(uid, name)
    assert stored["status"]["state"] == "aborted"
    assert stored["status"]["status_text"] == "enough"
    with pytest.raises(mlrun.errors.MLRunHTTPError):
        db.abort_run(uid, name)


def test_grid_selects_the_best_iteration(project, grid, db) -> None:
    result = grid()
    name = project.metadata.name
    assert result.outputs["best_iteration"] == 2
    assert result.outputs["loss"] == pytest.approx(0.008)
    iterations = db.list_runs("grid", project=name, iter=True)
    assert sorted(item["metadata"]["iteration"] for item in iterations if item["metadata"].get("iteration")) == [
        1,
        2,
        3,
    ]
    third = db.read_run(result.uid(), name, iter=3)
    assert third["spec"]["parameters"]["lr"] == 0.1
    assert {item["metadata"]["iter"] for item in third["status"]["artifacts"]} == {3}
    table = result.status.iterations
    assert table[0][:2] == ["state", "iter"]
    assert [row[1] for row in table[1:]] == [1, 2, 3]


def test_grid_keeps_the_artifacts_of_each_iteration(project, grid, db) -> None:
    result = grid()
    name = project.metadata.name
    notes = db.list_artifacts("grid_note", project=name, tree=result.uid())
    assert sorted(item["metadata"]["iter"] for item in notes) == [1, 2, 3]
    texts = {item["metadata"]["iter"]: mlrun.get_dataitem(item["spec"]["target_path"]).get() for item in notes}
    assert texts == {1: b"lr=0.5 batch=8", 2: b"lr=0.01 batch=8", 3: b"lr=0.1 batch=8"}
    (only,) = db.list_artifacts("grid_note", project=name, tree=result.uid(), iter=3)
    assert only["metadata"]["iter"] == 3
    (best,) = db.list_artifacts("grid_note", project=name, tree=result.uid(), best_iteration=True)
    assert best["metadata"]["iter"] == 2


def test_model_of_the_best_iteration_is_read_back(project, grid) -> None:
    result = grid()
    model = project.get_artifact("grid_model")
    assert (model.iter, model.tree) == (2, result.uid())
    path, spec, _ = mlrun.artifacts.get_model(result.outputs["model"])
    assert Path(path).read_bytes() == b"weights of lr=0.01"
    assert spec.metrics == {"loss": 0}
    path, _, _ = mlrun.artifacts.get_model(f"store://models/{project.metadata.name}/grid_model:latest")
    assert Path(path).read_bytes() == b"weights of lr=0.01"


def test_del_run_takes_iterations_and_log(project, run, grid, db) -> None:
    name = project.metadata.name
    kept, deleted = run(name="kept").uid(), grid().uid()
    db.store_log(deleted, name, b"text")
    db.del_run(deleted, name)
    with pytest.raises(mlrun.errors.MLRunNotFoundError):
        db.read_run(deleted, name)
    assert {item["metadata"]["uid"] for item in db.list_runs(project=name, iter=True)} == {kept}
    db.del_runs(name="kept", project=name)
    assert not db.list_runs(project=name, iter=True)


def test_del_artifact_by_producer_or_name(project, run, db) -> None:
    name = project.metadata.name
    first, second = run().uid(), run().uid()
    db.del_artifact("train_note", project=name, tree=first)
    assert [item["metadata"]["tree"] for item in db.list_artifacts("train_note", project=name)] == [second]
    db.del_artifacts(name="train_note", project=name)
    assert not db.list_artifacts("train_note", project=name)
    assert len(db.list_artifacts("train_model", project=name)) >= 2
    with pytest.raises(mlrun.errors.MLRunNotFoundError):
        db.read_artifact("train_note", project=name)
