"""Inspection of model files."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.core.errors import InputError
from aletheia.models.bundle import save_bundle
from aletheia.models.inspect import inspect_model
from aletheia.models.registry import create_model
from aletheia.models.spec import ModelSpec


@pytest.fixture
def bundle(tmp_path):
    model = create_model("attention_cnn", width=8)
    spec = ModelSpec(
        architecture="attention_cnn", options={"width": 8}, input_size=64, data_hash="ab" * 32, metrics={"val_auc": 0.9}
    )
    save_bundle(tmp_path / "model", model, spec)
    return tmp_path / "model"


@pytest.mark.parametrize("name", ["", "model.json", "model.safetensors"])
def test_inspect_model_bundle(bundle, name):
    inspection = inspect_model(bundle / name)
    model = create_model("attention_cnn", width=8)
    state = model.state_dict()
    assert (inspection.kind, inspection.architecture, inspection.recognised) == ("model bundle", "attention_cnn", False)
    assert inspection.parameters == sum(p.numel() for p in model.parameters())
    assert inspection.elements == sum(t.numel() for t in state.values())
    assert {t.name: t.shape for t in inspection.tensors} == {k: tuple(v.shape) for k, v in state.items()}
    assert set(inspection.dtypes) == {"float32", "int64"}
    assert sum(inspection.dtypes.values()) == len(state)
    assert inspection.data_hash == "ab" * 32
    assert inspection.details["metrics"] == {"val_auc": 0.9}
    assert inspection.sha256 == hashlib.sha256((bundle / "model.safetensors").read_bytes()).hexdigest()
    assert inspection.bytes == (bundle / "model.safetensors").stat().st_size


def test_inspect_model_bundle_with_other_weights(bundle):
    weights = bundle / "model.safetensors"
    state = load_file(weights)
    save_file({name: value + 1 for name, value in state.items()}, weights)
    with pytest.raises(InputError, match="damaged or replaced"):
        inspect_model(bundle)
    save_file({**state, "extra": torch.zeros(1)}, weights)
    with pytest.raises(InputError, match="not that network's"):
        inspect_model(bundle)


@pytest.mark.parametrize("prefix", ["", "net.", "module.model."])
def test_inspect_model_recognises_state_dict(tmp_path, prefix):
    path = tmp_path / "weights.pth"
    state = create_model("efficientnet_autoatt_b0").state_dict()
    torch.save({f"{prefix}{name}": value.half() for name, value in state.items()}, path)
    inspection = inspect_model(path)
    assert (inspection.kind, inspection.recognised) == ("torch state dict", True)
    assert inspection.architecture == "efficientnet_autoatt_b0"
    assert inspection.parameters == 4_008_870
    assert inspection.dtypes == {"float16": len(state)}
    assert inspection.data_hash == ""


def test_inspect_model_unknown_architecture(tmp_path):
    path = tmp_path / "unknown.safetensors"
    save_file({"a": torch.zeros(2, 3, dtype=torch.bfloat16), "b": torch.zeros((), dtype=torch.uint8)}, path)
    inspection = inspect_model(path)
    assert (inspection.kind, inspection.architecture) == ("safetensors", "")
    assert (inspection.parameters, inspection.elements) == (None, 7)
    assert [(t.name, t.shape, t.dtype) for t in inspection.tensors] == [("a", (2, 3), "bfloat16"), ("b", (), "uint8")]


def test_models_inspect_command(bundle, tmp_path):
    runner = CliRunner()
    result = runner.invoke(app, ["models", "inspect", str(bundle), "--tensors"])
    assert result.exit_code == 0, result.output
    assert "attention_cnn" in result.output and "ab" * 32 in result.output and "stem.0.weight" in result.output
    document = json.loads(runner.invoke(app, ["models", "inspect", str(bundle), "--json"]).output)
    assert document["architecture"] == "attention_cnn"
    assert len(document["tensors"]) == sum(document["dtypes"].values())
    (tmp_path / "text.pth").write_text("hello")
    refused = runner.invoke(app, ["models", "inspect", str(tmp_path / "text.pth")])
    assert isinstance(refused.exception, InputError)


def test_models_list_command():
    rows = json.loads(CliRunner().invoke(app, ["models", "architectures", "--json", "mobilenet*"]).output)
    assert rows == [{"name": "mobilenet_v2", "parameters": 2_225_153, "options": {"dropout": None}}]
