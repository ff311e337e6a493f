"""Registering a model and finding it again, against the real tracking service."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.core.errors import InputError
from aletheia.models.bundle import load_bundle, save_bundle
from aletheia.models.onnx_export import export_onnx
from aletheia.models.onnx_network import ExplainNetwork
from aletheia.models.registry import create_model
from aletheia.models.spec import ModelSpec, read_spec
from aletheia.release.bundle import release_bundle
from aletheia.release.gate import run_gate
from aletheia.release.registry import fetch_model, find_model


@pytest.fixture
def trained(tmp_path) -> Path:
    torch.manual_seed(1)
    spec = ModelSpec(architecture="attention_cnn", options={"width": 8}, input_size=48, metrics={"val_auc": 0.9})
    save_bundle(tmp_path / "trained", create_model("attention_cnn", width=8).eval(), spec)
    return tmp_path / "trained"


@pytest.fixture
def log(mlrun_project):
    """Log a bundle as the function `register` does."""

    def log(folder: Path, tag: str) -> str:
        model = mlrun_project.log_model(
            "detector",
            tag=tag,
            model_dir=str(folder),
            model_file="model.safetensors",
            extra_data={"model.json": "model.json"},
        )
        return model.uri

    return log


@pytest.fixture
def released(trained, good):
    """Release the trained bundle after an evaluation with changes."""

    def released(folder: Path, **changes) -> tuple[Path, ModelSpec]:
        evaluation = {**good, "weights_sha256": read_spec(trained).weights_sha256, **changes}
        return release_bundle(trained, evaluation, run_gate(evaluation), folder)

    return released


def test_a_released_bundle_has_the_same_weights_and_what_was_found_out(trained, released, good, tmp_path):
    folder, spec = released(tmp_path / "released", leaks=2)
    before, after = load_bundle(trained), load_bundle(folder)
    for name, weight in before[0].state_dict().items():
        assert torch.equal(weight, after[0].state_dict()[name])
    assert spec.metrics["val_auc"] == 0.9
    assert spec.metrics["test_auc"] == good["metrics"]["auc"]["value"]
    assert spec.metrics["test_majority_share"] == 0.5
    assert spec.metrics["baseline_files_auc"] == 0.52
    card = (folder / "README.md").read_text()
    assert "Registered as `candidate`" in card and "| no leakage | FAILED |" in card
    assert spec.checks["no leakage"]["passed"] is False
    assert spec.checks["beats the file-property shortcut"]["passed"] is True
    assert after[1] == spec and spec.weights_sha256 == before[1].weights_sha256


def test_an_evaluation_of_another_model_is_refused(released, tmp_path):
    with pytest.raises(InputError, match="another model"):
        released(tmp_path / "released", weights_sha256="0" * 64)
    assert not (tmp_path / "released").exists()


def test_production_answers_before_a_candidate(trained, log, mlrun_project):
    with pytest.raises(InputError, match="make demo"):
        find_model(project=mlrun_project.name)
    log(trained, "candidate")
    assert find_model(project=mlrun_project.name).tag == "candidate"
    log(trained, "production")
    found = find_model(project=mlrun_project.name)
    assert (found.tag, found.uri) == ("production", f"store://models/{mlrun_project.name}/detector:production")
    assert read_spec(found.folder) == read_spec(trained)
    assert find_model("candidate", project=mlrun_project.name).tag == "candidate"


def test_by_uri_and_by_folder(trained, log, mlrun_project):
    uri = log(trained, "production")
    assert find_model(uri).folder == find_model("production", project=mlrun_project.name).folder
    assert find_model(str(trained)).folder == trained
    assert read_spec(fetch_model(uri)) == read_spec(trained)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("no-such-tag", "no-such-tag"),
        ("store://models/aletheia/no-such-model", "no-such-model"),
        ("store://datasets/aletheia/table", "not a model's URI"),
        ("store://models/../../etc/passwd", "not a model's URI"),
        ("no/such/folder", "model.safetensors"),
    ],
)
def test_what_is_not_there_is_named(tracking_url, model, words):
    with pytest.raises(InputError, match=words):
        find_model(model)


def test_files_that_are_gone(trained, log, mlrun_project):
    log(trained, "production")
    (find_model("production", project=mlrun_project.name).folder / "model.json").unlink()
    with pytest.raises(InputError, match="gone"):
        find_model("production", project=mlrun_project.name)


def test_files_that_lie_elsewhere_are_brought_together(trained, mlrun_project, tmp_path):
    """A remote store's client downloads each to a name of its own; here they lie in another folder than the weights."""
    export_onnx(trained, np.random.default_rng(0).integers(0, 256, (4, 48, 48, 3), np.uint8))
    names = ["model.json", *read_spec(trained).files()[1:]]
    assert names == ["model.json", "model.onnx", "explain.onnx"]
    (tmp_path / "weights").mkdir()
    (trained / "model.safetensors").rename(tmp_path / "weights" / "model.safetensors")
    model = mlrun_project.log_model(
        "apart",
        model_dir=str(tmp_path / "weights"),
        model_file="model.safetensors",
        extra_data={name: str(trained / name) for name in names},
    )
    folder = fetch_model(model.uri)
    assert folder not in (trained, tmp_path / "weights")
    for name in names:
        assert (folder / name).read_bytes() == (trained / name).read_bytes()
    face = np.zeros((1, 48, 48, 3), np.uint8)
    assert ExplainNetwork(folder, read_spec(folder)).maps(face)[1].shape == (1, 6, 6)


def test_a_model_without_its_description_is_refused(trained, mlrun_project):
    (trained / "model.json").unlink()
    model = mlrun_project.log_model("bare", model_dir=str(trained), model_file="model.safetensors")
    with pytest.raises(InputError, match=r"model\.json"):
        fetch_model(model.uri)


def test_the_inspector_takes_a_registered_models_uri(trained, log):
    uri = log(trained, "production")
    told = CliRunner().invoke(app, ["models", "inspect", uri, "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.output)["kind"] == "model bundle"
    refused = CliRunner().invoke(app, ["models", "inspect", uri.replace("production", "never")])
    assert isinstance(refused.exception, InputError)
