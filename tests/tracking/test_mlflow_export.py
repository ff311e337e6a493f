"""The export to MLflow, read back by MLflow's own client."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.tracking import mlflow_export, mlflow_models, mlflow_values

pytestmark = pytest.mark.usefixtures("tracking_url")


def copies(mlflow, project: str) -> dict[tuple[str, int], object]:
    experiment = mlflow.get_experiment_by_name(project)
    runs = mlflow.search_runs([experiment.experiment_id])
    return {(run.data.tags["mlrun.uid"], int(run.data.tags["mlrun.iteration"])): run for run in runs}


def test_run_is_copied_whole(recorder, mlflow, uri: str) -> None:
    uid = uuid.uuid4().hex
    results = {"auc": 0.93, "epochs": 7, "best": "second", "loss": float("inf"), "odd,name": 1}
    recorder.run(uid, results=results, end_time="2026-01-02T03:05:05+00:00")
    recorder.artifact(uid, "plot", kind="plot", target_path=recorder.file("plot.html", b"<p>plot</p>"))
    recorder.artifact(uid, "table", kind="dataset", target_path=recorder.file("table.csv", b"x\n1\n"), length=1)
    done = mlflow_export.export_run(uid, recorder.name, uri)
    assert (done.created, done.copied, done.referenced) == (1, 1, 1)
    ((_, run),) = copies(mlflow, recorder.name).items()
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


def test_iterations_are_nested(recorder, mlflow, uri: str) -> None:
    uid = uuid.uuid4().hex
    recorder.run(uid, results={"loss": 0.2})
    for iteration in (1, 2):
        recorder.run(uid, iteration, results={"loss": 0.1 * iteration})
        recorder.artifact(uid, "note", iteration, target_path=recorder.file(f"{iteration}/note.txt", b"%d" % iteration))
    mlflow_export.export_project(recorder.name, uri)
    found = copies(mlflow, recorder.name)
    assert set(found) == {(uid, 0), (uid, 1), (uid, 2)}
    parent = found[uid, 0].info.run_id
    for iteration in (1, 2):
        run = found[uid, iteration]
        assert run.data.tags["mlflow.parentRunId"] == parent
        assert run.data.metrics["loss"] == pytest.approx(0.1 * iteration)
        assert Path(mlflow.download_artifacts(run.info.run_id, "note/note.txt")).read_text() == str(iteration)
    assert "mlflow.parentRunId" not in found[uid, 0].data.tags


def test_export_again_makes_nothing_twice(recorder, mlflow, uri: str) -> None:
    uid, other = uuid.uuid4().hex, uuid.uuid4().hex
    recorder.run(uid, results={"auc": 0.5})
    recorder.run(other, results={"auc": 0.6}, state="running")
    recorder.artifact(uid, "model", kind="model", target_path=recorder.file("m/model.bin", b"w"), metrics={"auc": 0.5})
    first = mlflow_export.export_project(recorder.name, uri)
    assert (first.created, first.models) == (2, 1)
    again = mlflow_export.export_project(recorder.name, uri)
    assert (again.created, again.updated, again.unchanged, again.models) == (0, 0, 2, 0)
    assert copies(mlflow, recorder.name)[other, 0].info.status == "RUNNING"
    recorder.run(other, results={"auc": 0.7, "more": 1}, state="error", error="out of luck")
    third = mlflow_export.export_project(recorder.name, uri)
    assert (third.created, third.updated, third.unchanged, third.models) == (0, 1, 1, 0)
    changed = copies(mlflow, recorder.name)[other, 0]
    assert changed.info.status == "FAILED"
    assert changed.data.metrics == {"auc": 0.7, "more": 1}
    assert changed.data.tags["mlrun.error"] == "out of luck"


def test_what_was_deleted_in_mlflow_stays_deleted(recorder, mlflow, uri: str) -> None:
    uid = uuid.uuid4().hex
    recorder.run(uid)
    mlflow_export.export_project(recorder.name, uri)
    mlflow.delete_run(copies(mlflow, recorder.name)[uid, 0].info.run_id)
    recorder.run(uid, results={"auc": 1})
    assert mlflow_export.export_project(recorder.name, uri).created == 0
    assert copies(mlflow, recorder.name) == {}


def test_best_model_is_registered_with_its_tags(recorder, mlflow, uri: str) -> None:
    uid = uuid.uuid4().hex
    recorder.run(uid)
    for iteration in (1, 2):
        recorder.run(uid, iteration, results={"loss": 0.1 * iteration})
        target = recorder.file(f"{iteration}/model/model.bin", b"weights %d" % iteration)
        recorder.artifact(uid, "model", iteration, kind="model", target_path=str(Path(target).parent) + "/")
    recorder.artifact(uid, "model", kind="link", link_iteration=2)
    mlflow_export.export_project(recorder.name, uri)
    name = f"{recorder.name}.train_model"
    (version,) = mlflow.search_model_versions(f"name = '{name}'")
    assert version.run_id == copies(mlflow, recorder.name)[uid, 2].info.run_id
    assert version.tags["mlrun.tags"] == "latest"
    assert Path(mlflow.download_artifacts(version.run_id, "model/model.bin")).read_bytes() == b"weights 2"
    assert version.source.endswith("/model")
    assert mlflow.get_registered_model(name).aliases == {}

    identifier = {"identifiers": [{"key": "train_model", "iter": 2}]}
    recorder.http.put(f"/api/v1/projects/{recorder.name}/tags/production", json=identifier).raise_for_status()
    recorder.http.put(f"/api/v1/projects/{recorder.name}/tags/v2", json=identifier).raise_for_status()
    assert mlflow_export.export_project(recorder.name, uri).models == 0
    assert mlflow.get_model_version_by_alias(name, "production").version == version.version
    assert mlflow.get_model_version_by_alias(name, "tag-v2").version == version.version

    mlflow.set_registered_model_alias(name, "of-somebody", version.version)
    recorder.http.request("DELETE", f"/api/v1/projects/{recorder.name}/tags/v2", json=identifier).raise_for_status()
    mlflow_export.export_project(recorder.name, uri)
    assert set(mlflow.get_registered_model(name).aliases) == {"production", "of-somebody"}


def test_model_of_the_project_gets_a_run_of_its_own(recorder, mlflow, uri: str) -> None:
    tree = str(uuid.uuid4())
    target = recorder.file("best/model.safetensors", b"tensors")
    recorder.artifact(
        tree,
        "best",
        kind="model",
        tag="production",
        target_path=str(Path(target).parent),
        metrics={"auc": 0.9},
        producer={"kind": "project", "name": recorder.name},
    )
    for expected in (1, 0):
        assert mlflow_export.export_project(recorder.name, uri).models == expected
    version = mlflow.get_model_version_by_alias(f"{recorder.name}.train_best", "production")
    run = mlflow.get_run(version.run_id)
    assert run.data.metrics == {"auc": 0.9}
    assert run.info.status == "FINISHED"
    assert Path(mlflow.download_artifacts(version.run_id, "best/model.safetensors")).read_bytes() == b"tensors"
    assert version.tags["metric.auc"] == "0.9"


def test_files_outside_of_the_allowed_folders_stay_behind(recorder, mlflow, uri: str, tmp_path: Path) -> None:
    """Anybody may have written a path into the database; the export must not carry off what is there."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    uid = uuid.uuid4().hex
    recorder.run(uid)
    recorder.artifact(uid, "stolen", target_path=str(secret))
    link = tmp_path / "artifacts" / "link.txt"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(secret)
    recorder.artifact(uid, "linked", target_path=str(link))
    recorder.artifact(uid, "dotted", target_path=f"{link.parent}/../secret.txt")
    done = mlflow_export.export_project(recorder.name, uri)
    assert (done.copied, done.referenced) == (0, 3)
    run = copies(mlflow, recorder.name)[uid, 0]
    assert [item.path for item in mlflow.list_artifacts(run.info.run_id)] == ["mlrun-artifacts.json"]


def test_unknown_things_are_named(recorder, uri: str) -> None:
    with pytest.raises(InputError, match="no-such-project"):
        mlflow_export.export_project("no-such-project", uri)
    with pytest.raises(InputError, match="no-such-run"):
        mlflow_export.export_run("no-such-run", recorder.name, uri)
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:9"):
        mlflow_export.export_project(recorder.name, "http://127.0.0.1:9")


def test_aliases_and_names_follow_mlflows_rules() -> None:
    assert mlflow_models.alias("V12") == "tag-V12"
    assert mlflow_models.alias("1.2.3") == "1-2-3"
    assert mlflow_values.valid_names({"a,b": 1, "ok/x y": 2}) == {"a_b": 1, "ok/x y": 2}
