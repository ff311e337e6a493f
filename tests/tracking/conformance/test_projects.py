"""Conformance: projects and functions."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

mlrun = pytest.importorskip("mlrun")


def test_project_created_loaded_and_listed(mlrun_project, tmp_path: Path) -> None:
    name = mlrun_project.metadata.name
    mlrun_project.spec.description = "faces"
    mlrun_project.spec.params = {"size": 128}
    mlrun_project.save()
    assert name in mlrun.get_run_db().list_projects()
    stored = mlrun.get_run_db().get_project(name)
    assert (stored.spec.description, stored.spec.params) == ("faces", {"size": 128})
    assert stored.status.state == "online"
    loaded = mlrun.load_project(str(tmp_path / "project"), name=name)
    assert loaded.spec.params == {"size": 128}
    again = mlrun.get_or_create_project(name, context=str(tmp_path / "project"))
    assert again.metadata.name == name


def test_create_project_twice_is_a_conflict(mlrun_project) -> None:
    with pytest.raises(mlrun.errors.MLRunConflictError):
        mlrun.get_run_db().create_project({"metadata": {"name": mlrun_project.metadata.name}, "spec": {}})


def test_get_project_unknown_is_not_found(mlrun_project) -> None:
    db = mlrun.get_run_db()
    with pytest.raises(mlrun.errors.MLRunNotFoundError):
        db.get_project("there-is-none-of-this-name")
    with pytest.raises(mlrun.errors.MLRunNotFoundError):
        db.store_run({"metadata": {"name": "x"}}, uuid.uuid4().hex, "there-is-none-of-this-name")


def test_patch_project_merges(mlrun_project) -> None:
    db, name = mlrun.get_run_db(), mlrun_project.metadata.name
    db.patch_project(name, {"spec": {"params": {"a": 1, "b": 2}}})
    db.patch_project(name, {"spec": {"params": {"b": 3}, "description": "new"}})
    stored = db.get_project(name)
    assert stored.spec.params == {"a": 1, "b": 3}
    assert stored.spec.description == "new"


def test_delete_project_with_content_only_by_cascade(project, run, db) -> None:
    run()
    with pytest.raises(mlrun.errors.MLRunPreconditionFailedError):
        db.delete_project(project.metadata.name)
    db.delete_project(project.metadata.name, "cascade")
    assert project.metadata.name not in db.list_projects()
    assert db.list_runs(project=project.metadata.name, iter=True) == []


@pytest.mark.slow
def test_function_from_a_notebook(mlrun_project, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    code = "# mlrun: start-code\ndef add(context, x):\n    context.log_result('y', x + 1)\n# mlrun: end-code"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("raise SystemExit('not this')"), nbformat.v4.new_code_cell(code)]
    )
    nbformat.write(notebook, tmp_path / "recipe.ipynb")
    function = mlrun_project.set_function(
        str(tmp_path / "recipe.ipynb"), "recipe", kind="job", image="mlrun/mlrun", handler="add"
    )
    function.save()
    stored = mlrun.get_run_db().get_function("recipe", mlrun_project.metadata.name)
    assert stored["kind"] == "job"
    assert stored["spec"]["build"]["functionSourceCode"]
    result = mlrun_project.run_function(function, params={"x": 41}, local=True)
    assert result.outputs["y"] == 42


def test_function_versions_and_tags(project, db) -> None:
    name = project.metadata.name
    function = project.get_function("worker")
    first = function.save(tag="one", versioned=True)
    function.spec.description = "changed"
    second = function.save(tag="two", versioned=True)
    assert first != second
    assert db.get_function("worker", name, tag="one")["spec"].get("description", "") != "changed"
    assert db.get_function("worker", name, tag="two")["spec"]["description"] == "changed"
    hash_key = db.get_function("worker", name, tag="one")["metadata"]["hash"]
    assert db.get_function("worker", name, hash_key=hash_key)["metadata"]["hash"] == hash_key
    tags = {item["metadata"]["tag"] for item in db.list_functions("worker", name)}
    assert {"one", "two"} <= tags
    assert [item["metadata"]["tag"] for item in db.list_functions("worker", name, tag="two")] == ["two"]
    with pytest.raises(mlrun.errors.MLRunNotFoundError):
        db.get_function("worker", name, tag="three")
    db.delete_function("worker", name)
    assert not db.list_functions("worker", name)
