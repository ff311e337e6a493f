"""Weights of other programs as bundles."""

from __future__ import annotations

import json

import pytest
import torch
from typer.testing import CliRunner

from aletheia.cli import models
from aletheia.core.errors import InputError
from aletheia.models.bundle import load_bundle
from aletheia.models.registry import create_model
from aletheia.models.weights_import import import_weights


@pytest.fixture
def foreign(tmp_path):
    """A state dict as a program with `DataParallel` saves it."""
    torch.manual_seed(3)
    network = create_model("attention_cnn", width=4).eval()
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "foreign.pth")
    return tmp_path / "foreign.pth", network


def test_import_weights_answers_as_before(foreign, tmp_path):
    file, network = foreign
    import_weights(file, tmp_path / "model", "attention_cnn", options={"width": 4}, input_size=48, threshold=0.7)
    loaded, spec = load_bundle(tmp_path / "model")
    pixels = torch.rand(2, 3, 48, 48)
    assert torch.equal(loaded(pixels), network(pixels).detach())
    assert spec.threshold == 0.7 and spec.trained_on == "unknown: imported from foreign.pth" and not spec.checks
    with pytest.raises(InputError, match="holds a model already"):
        import_weights(file, tmp_path / "model", "attention_cnn", options={"width": 4}, input_size=48)


def test_import_weights_of_another_network(foreign, tmp_path):
    with pytest.raises(InputError, match=r"does not hold the weights of attention_cnn .* tensors differ, such as"):
        import_weights(foreign[0], tmp_path / "model", "attention_cnn", options={"width": 8}, input_size=48)
    assert not (tmp_path / "model").exists()


def test_import_weights_runs_no_code(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "trap"), "w"))

    torch.save({"state_dict": Trap()}, tmp_path / "evil.pth")
    with pytest.raises(InputError, match="could run any code"):
        import_weights(tmp_path / "evil.pth", tmp_path / "model", "attention_cnn", input_size=48)
    assert not (tmp_path / "trap").exists()


def test_import_command(foreign, tmp_path):
    words = ["import", str(foreign[0]), "--architecture", "attention_cnn", "--option", "width=4", "--input-size", "48"]
    words += ["--output", str(tmp_path / "model"), "--face-policy", "tight"]
    result = CliRunner().invoke(models.app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["spec"]["options"] == {"width": 4}
    assert load_bundle(tmp_path / "model")[1].crop.policy == "tight"
