"""Models in MLflow's registry."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from aletheia.tracking import mlflow_export, mlflow_models


def test_register_models_best_iteration_with_its_tags(recorder, mlflow, uri: str) -> None:
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
    assert version.run_id == recorder.copies(mlflow)[uid, 2].info.run_id
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
    recorder.http.put(f"/api/v1/projects/{recorder.name}/tags/v1.2.0", json=identifier).raise_for_status()
    mlflow_export.export_project(recorder.name, uri)
    assert mlflow.get_model_version_by_alias(name, "v1-2-0").version == version.version  # MLflow refuses dots

    mlflow.set_registered_model_alias(name, "set-by-hand", version.version)
    recorder.http.request("DELETE", f"/api/v1/projects/{recorder.name}/tags/v2", json=identifier).raise_for_status()
    mlflow_export.export_project(recorder.name, uri)
    assert set(mlflow.get_registered_model(name).aliases) == {"production", "set-by-hand", "v1-2-0"}


def test_register_models_of_the_project_get_a_run(recorder, mlflow, uri: str) -> None:
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


@pytest.mark.parametrize(
    ("tag", "alias"), [("V12", "tag-V12"), ("v1", "tag-v1"), ("1.2.3", "1-2-3"), ("production", "production")]
)
def test_alias_for_tag_follows_the_rules_of_mlflow(tag: str, alias: str) -> None:
    assert mlflow_models.alias_for_tag(tag) == alias
