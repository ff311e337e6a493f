"""What a model file says, and what its tensors say."""

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
    found = inspect_model(bundle / name)
    model = create_model("attention_cnn", width=8)
    state = model.state_dict()
    assert (found.kind, found.architecture, found.recognised) == ("model bundle", "attention_cnn", False)
    assert found.parameters == sum(p.numel() for p in model.parameters())
    assert found.elements == sum(t.numel() for t in state.values())
    assert {t.name: t.shape for t in found.tensors} == {k: tuple(v.shape) for k, v in state.items()}
    assert set(found.dtypes) == {"float32", "int64"}
    assert sum(found.dtypes.values()) == len(state)
    assert found.data_hash == "ab" * 32
    assert found.details["metrics"] == {"val_auc": 0.9}
    assert found.sha256 == hashlib.sha256((bundle / "model.safetensors").read_bytes()).hexdigest()
    assert found.bytes == (bundle / "model.safetensors").stat().st_size


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
    found = inspect_model(path)
    assert (found.kind, found.architecture, found.recognised) == ("torch state dict", "efficientnet_autoatt_b0", True)
    assert found.parameters == 4_008_870
    assert found.dtypes == {"float16": len(state)}
    assert found.data_hash == ""


def test_inspect_model_unknown_architecture(tmp_path):
    path = tmp_path / "stranger.safetensors"
    save_file({"a": torch.zeros(2, 3, dtype=torch.bfloat16), "b": torch.zeros((), dtype=torch.uint8)}, path)
    found = inspect_model(path)
    assert (found.kind, found.architecture, found.parameters, found.elements) == ("safetensors", "", None, 7)
    assert [(t.name, t.shape, t.dtype) for t in found.tensors] == [("a", (2, 3), "bfloat16"), ("b", (), "uint8")]


def test_models_inspect_command(bundle, tmp_path):
    runner = CliRunner()
    told = runner.invoke(app, ["models", "inspect", str(bundle), "--tensors"])
    assert told.exit_code == 0, told.output
    assert "attention_cnn" in told.output and "ab" * 32 in told.output and "stem.0.weight" in told.output
    told = json.loads(runner.invoke(app, ["models", "inspect", str(bundle), "--json"]).output)
    assert told["architecture"] == "attention_cnn"
    assert len(told["tensors"]) == sum(told["dtypes"].values())
    (tmp_path / "text.pth").write_text("hello")
    refused = runner.invoke(app, ["models", "inspect", str(tmp_path / "text.pth")])
    assert isinstance(refused.exception, InputError)


def test_models_list_command():
    rows = json.loads(CliRunner().invoke(app, ["models", "list", "--json", "mobilenet*"]).output)
    assert rows == [{"name": "mobilenet_v2", "parameters": 2_225_153, "options": {"dropout": None}}]
