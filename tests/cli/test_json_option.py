"""Every command with a result prints it as JSON on request, alone on standard output."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.datasets.relatives import Relatives
from aletheia.faces.crop_config import CropConfig
from aletheia.models.bundle import save_bundle
from aletheia.models.registry import create_model
from aletheia.models.spec import ModelSpec

ROOT = Path(__file__).parents[2]
#: Commands without --json, and why.
WITHOUT = {
    "serve": "runs until it is stopped",
    "tracking ui": "runs until it is stopped",
    "tracking env": "its output is a file of variables",
    "tracking stop": "has no result",
    "lifecycle stop": "has no result",
    "tracking allow": "has no result",
}


def _leaves(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    members = getattr(command, "commands", None)  # typer's own copy of click has other classes
    if members is not None:
        for name, member in members.items():
            yield from _leaves(member, (*words, name))
    else:
        yield " ".join(words), command


COMMANDS = dict(_leaves(get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_command_takes_json(name):
    has_option = any("--json" in parameter.opts for parameter in COMMANDS[name].params)
    assert has_option == (name not in WITHOUT)


def test_commands_without_json_exist():
    assert set(WITHOUT) <= set(COMMANDS) and len(COMMANDS) > 15


@pytest.fixture
def printed() -> Callable[..., object]:
    """Run a command with --json and read its standard output, all of it."""

    def call(*words: str) -> object:
        done = CliRunner().invoke(app, [*words, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return call


def test_functions_build_json(printed, tmp_path):
    assert printed("functions", "build", "--project", str(ROOT)) == []


def test_run_json(printed, tmp_path, monkeypatch):
    (tmp_path / "project.yaml").write_text("kind: project\nmetadata: {name: aletheia}\nspec: {}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ALETHEIA_PROJECT", raising=False)
    steps = printed("run", "--dry-run")
    assert list(steps)[:2] == ["extract-faces", "prepare-data"] and "drawn pictures" in steps["extract-faces"]
    summary = {"state": "completed", "rows": {"train": 3}}
    monkeypatch.setattr("aletheia.project.runner.run_workflow", lambda config, *, artifact_path: summary)
    assert printed("run") == summary


def test_relatives_json(printed, tmp_path, monkeypatch):
    pairs = pd.DataFrame({"first": ["a"], "second": ["b"], "distance": np.float32([0.25]), "news": [True]})
    found = Relatives(tmp_path / "kin.csv", pairs, 5, 1, 0, 2, ("one note",))
    monkeypatch.setattr("aletheia.datasets.relatives.propose_relatives", lambda *_, **options: found)
    assert printed("data", "relatives", "faces", "kin.csv") == {
        "manifest": str(tmp_path / "kin.csv"),
        "pairs": [{"first": "a", "second": "b", "distance": 0.25, "news": True}],
        "files": 5,
        "without_face": 1,
        "resumed": 0,
        "largest": 2,
        "notes": ["one note"],
    }


def test_models_export_json(printed, portraits, tmp_path):
    torch.manual_seed(0)
    spec = ModelSpec(architecture="attention_cnn", options={"width": 4}, input_size=32, crop=CropConfig(size=32))
    save_bundle(tmp_path / "model", create_model("attention_cnn", width=4).eval(), spec)
    (tmp_path / "faces").mkdir()
    Image.fromarray(portraits[0][0]).save(tmp_path / "faces" / "one.png")
    exported = printed("models", "export", str(tmp_path / "model"), "--faces", str(tmp_path / "faces"))
    assert exported["model"] == str(tmp_path / "model") and (tmp_path / "model" / "model.onnx").is_file()
    assert exported["onnx"]["crops"] == 1 and exported["onnx"]["max_difference"] < 1e-4
