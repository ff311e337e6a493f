"""``aletheia models …``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner

from aletheia.cli import models
from aletheia.core.errors import InputError
from aletheia.models.spec import ModelSpec, write_spec


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """A file with two tensors, of 6 and 1 numbers."""
    path = tmp_path / "weights.safetensors"
    save_file({"[bold]w": np.zeros((2, 3), np.float32), "b": np.ones((), np.float64)}, path)
    return str(path)


def call(*arguments: str) -> str:
    result = CliRunner().invoke(models.app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def test_list_networks_by_pattern():
    rows = json.loads(call("architectures", "attention*", "--json"))
    assert [row["name"] for row in rows] == ["attention_cnn"]
    assert rows[0]["parameters"] > 1000
    assert "width" in rows[0]["options"]
    assert f"{rows[0]['parameters']:,}" in call("architectures", "attention*")


def test_inspect_states_numbers_and_types(weights: str):
    content = json.loads(call("inspect", weights, "--json"))
    assert (content["elements"], len(content["tensors"])) == (7, 2)
    assert content["bytes"] == Path(weights).stat().st_size
    output = call("inspect", weights)
    assert "7 in 2 tensors" in output
    assert "the file does not say" in output
    assert "[bold]w" not in output


def test_inspect_tensors_are_not_markup(weights: str):
    output = call("inspect", weights, "--tensors")
    assert "[bold]w" in output
    assert "2 × 3" in output
    assert "scalar" in output


def test_inspect_missing_file(tmp_path: Path):
    result = CliRunner().invoke(models.app, ["inspect", str(tmp_path / "none.pth")])
    assert isinstance(result.exception, InputError)


def test_export_needs_a_face(tmp_path: Path):
    (tmp_path / "model").mkdir()
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "broken.jpg").write_bytes(b"no picture")
    write_spec(tmp_path / "model", ModelSpec(architecture="attention_cnn", options={"width": 4}, input_size=32))
    arguments = ["export", str(tmp_path / "model"), "--faces", str(tmp_path / "faces")]
    result = CliRunner().invoke(models.app, arguments)
    assert isinstance(result.exception, InputError)
    assert "no readable picture of a face" in str(result.exception)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.1235"),
        ([1, 2], "[1, 2]"),
        (list(range(9)), "9 values"),
        ({"a": 0.5, "b": {"c": "d"}}, "a=0.5, b=c=d"),
        ("x" * 600, "x" * 500),
    ],
)
def test_short_texts_of_values(value, text):
    assert models._short(value) == text
