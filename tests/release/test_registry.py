"""Lookup and download of registered models, against the real tracking service."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.core.errors import InputError
from aletheia.models.bundle import save_bundle
from aletheia.models.onnx_export import export_onnx
from aletheia.models.onnx_network import ExplainNetwork
from aletheia.models.registry import create_model
from aletheia.models.spec import AbstentionSpec, ModelSpec, TypicalSpec, read_spec, write_spec
from aletheia.models.typical_faces import fit_typical, write_typical
from aletheia.release.registry import fetch_model, find_model, production_model, production_weights


@pytest.fixture
def trained(tmp_path) -> Path:
    torch.manual_seed(1)
    spec = ModelSpec(architecture="attention_cnn", options={"width": 8}, input_size=48, metrics={"val_auc": 0.9})
    save_bundle(tmp_path / "trained", create_model("attention_cnn", width=8).eval(), spec)
    return tmp_path / "trained"


@pytest.fixture
def log(mlrun_project):
    """Log a bundle as the function `register` does."""

    def log(folder: Path, tag: str, **labels: str) -> str:
        model = mlrun_project.log_model(
            "detector",
            tag=tag,
            model_dir=str(folder),
            model_file="model.safetensors",
            extra_data={"model.json": "model.json"},
            labels=labels,
        )
        return model.uri

    return log


def test_find_model_production_before_candidate(trained, log, mlrun_project):
    with pytest.raises(InputError, match="make demo"):
        find_model(project=mlrun_project.name)
    log(trained, "candidate")
    assert find_model(project=mlrun_project.name).tag == "candidate"
    log(trained, "production")
    registered = find_model(project=mlrun_project.name)
    assert (registered.tag, registered.uri) == (
        "production",
        f"store://models/{mlrun_project.name}/detector:production",
    )
    assert read_spec(registered.folder) == read_spec(trained)
    assert find_model("candidate", project=mlrun_project.name).tag == "candidate"


def test_find_model_by_uri_and_by_folder(trained, log, mlrun_project):
    uri = log(trained, "production")
    assert find_model(uri).folder == find_model("production", project=mlrun_project.name).folder
    assert find_model(str(trained)).folder == trained
    assert read_spec(fetch_model(uri)) == read_spec(trained)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("no-such-tag", "There is no model no-such-tag"),
        ("store://models/aletheia/no-such-model", "no-such-model"),
        ("store://datasets/aletheia/table", "not a model's URI"),
        ("store://models/../../etc/passwd", "not a model's URI"),
        ("no/such/folder", "model.safetensors"),
    ],
)
def test_find_model_names_what_is_missing(tracking_url, model, message):
    with pytest.raises(InputError, match=message):
        find_model(model)


def test_find_model_files_gone(trained, log, mlrun_project):
    log(trained, "production")
    (find_model("production", project=mlrun_project.name).folder / "model.json").unlink()
    with pytest.raises(InputError, match="gone"):
        find_model("production", project=mlrun_project.name)


def test_production_model_and_weights(trained, log, mlrun_project):
    name = mlrun_project.name
    assert production_model(project=name) is None and production_weights(project=name) == ""
    log(trained, "candidate", weights="c" * 32)
    assert production_model(project=name) is None and production_weights(project=name) == ""
    log(trained, "production", weights="a" * 32)
    uri, folder = production_model(project=name)
    assert uri == f"store://models/{name}/detector:production" and read_spec(folder) == read_spec(trained)
    assert production_weights(project=name) == "a" * 32


def test_production_model_files_gone(trained, log, mlrun_project):
    """It is not as if there were none: the evaluation must report that it could not compare."""
    log(trained, "production")
    (find_model(project=mlrun_project.name).folder / "model.json").unlink()
    uri, folder = production_model(project=mlrun_project.name)
    assert uri.endswith(":production") and folder is None
    assert production_weights(project=mlrun_project.name) is None


def test_fetch_model_gathers_files(trained, mlrun_project, tmp_path):
    """A remote store's client downloads each to a name of its own; here they lie in another folder than the weights."""
    export_onnx(trained, np.random.default_rng(0).integers(0, 256, (4, 48, 48, 3), np.uint8))
    payload = write_typical(trained, fit_typical(np.random.default_rng(0).normal(size=(20, 5))))
    sha256 = hashlib.sha256(payload).hexdigest()
    rules = TypicalSpec(sha256=sha256, features=5, limit=1.0, level=0.02, faces=20)
    abstention = AbstentionSpec(alpha=0.1, real_upper=0.5, fake_lower=0.5, typical=rules)
    write_spec(trained, read_spec(trained).model_copy(update={"abstention": abstention}))
    names = ["model.json", *read_spec(trained).files()[1:]]
    assert names == ["model.json", "typical.safetensors", "model.onnx", "explain.onnx"]
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


def test_fetch_model_without_spec(trained, mlrun_project):
    (trained / "model.json").unlink()
    model = mlrun_project.log_model("bare", model_dir=str(trained), model_file="model.safetensors")
    with pytest.raises(InputError, match=r"model\.json"):
        fetch_model(model.uri)


def test_inspect_command_takes_a_registered_uri(trained, log):
    uri = log(trained, "production")
    inspected = CliRunner().invoke(app, ["models", "inspect", uri, "--json"])
    assert inspected.exit_code == 0, inspected.output
    assert json.loads(inspected.output)["kind"] == "model bundle"
    refused = CliRunner().invoke(app, ["models", "inspect", uri.replace("production", "never")])
    assert isinstance(refused.exception, InputError)
