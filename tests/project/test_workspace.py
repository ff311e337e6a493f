"""Loading of the project, and the folder in which it is found."""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path

import mlrun
import pytest
import yaml

from aletheia.core.errors import InputError
from aletheia.core.paths import data_folder, project_root
from aletheia.project.project_yaml import read_definition
from aletheia.project.workspace import open_project
from aletheia.tracking.process_label import LABEL, process_label
from aletheia.tracking.reader import Reader

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    monkeypatch.delenv("ALETHEIA_PROJECT", raising=False)
    monkeypatch.delenv("ALETHEIA_DATA", raising=False)


@pytest.fixture
def checkout(tmp_path) -> Path:
    folder = tmp_path / "checkout"
    for name in ("notebooks", "functions", "workflows"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("project.yaml", "project_setup.py"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def test_project_root_nearest_above(checkout, monkeypatch):
    monkeypatch.chdir(checkout / "notebooks")
    assert project_root() == checkout
    assert data_folder() == checkout / "data"
    assert project_root(checkout / "functions" / "train") == checkout


def test_project_root_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="ALETHEIA_PROJECT"):
        project_root()
    assert data_folder() == tmp_path / "data"


def test_project_root_from_environment(checkout, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALETHEIA_PROJECT", str(checkout))
    monkeypatch.setenv("ALETHEIA_DATA", "elsewhere")
    assert project_root() == checkout
    assert data_folder() == tmp_path / "elsewhere"
    with pytest.raises(InputError):
        project_root(tmp_path)  # what is named in the call counts, not the environment


def test_open_project_rebuilds_edited_function(tracking_url, checkout, monkeypatch, capsys):
    monkeypatch.chdir(checkout)
    notebook = checkout / "notebooks" / "03-train.ipynb"
    text = notebook.read_text()
    assert text.count("batch_size: int = 16") == 1
    notebook.write_text(text.replace("batch_size: int = 16", "batch_size: int = 17"))
    try:
        project = open_project()
        assert "batch_size: int = 17" in (checkout / "functions" / "train" / "function.py").read_text()
        assert "train" in capsys.readouterr().out
        assert project.metadata.name == "aletheia"
        stored = mlrun.get_run_db().get_function("train", "aletheia")
        assert (stored["kind"], stored["spec"]["default_handler"]) == ("job", "train")
        assert stored["spec"]["image"] == read_definition(checkout)["spec"]["default_image"]
        assert b"batch_size: int = 17" in base64.b64decode(stored["spec"]["build"]["functionSourceCode"])
        assert project.artifact_path == str(checkout / "artifacts" / "{{run.uid}}")
        assert set(project.get_function_names()) >= {"prepare-data", "train", "evaluate", "register", "serve"}
    finally:
        os.chdir(ROOT)


def test_open_project_ends_runs_of_killed_processes(tracking_url, checkout, monkeypatch):
    monkeypatch.chdir(checkout)
    gone = {LABEL: process_label()[LABEL].rpartition(".")[0] + ".1"}  # a process of this number, started in 1970
    with Reader(tracking_url) as reader:
        try:
            open_project()
            lost = reader.note_run("aletheia", "train", {}, labels=gone, state="running")
            open_project()
        finally:
            os.chdir(ROOT)
        assert reader.runs("aletheia", lost)[0]["status"]["state"] == "aborted"


def test_keep_definition_project_yaml_unchanged(tracking_url, checkout, monkeypatch):
    monkeypatch.chdir(checkout)
    try:
        project = open_project()
        project.save()
        assert (checkout / "project.yaml").read_text() == (ROOT / "project.yaml").read_text()
        project.spec.params["note"] = "mine"
        project.save()
        kept = yaml.safe_load((checkout / "project.yaml").read_text())
        assert kept["spec"]["params"] == {"note": "mine"}
        project.export(str(checkout / "other.yaml"))
        assert "artifact_path" in (checkout / "other.yaml").read_text()
    finally:
        os.chdir(ROOT)
