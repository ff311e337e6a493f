"""Exit codes and words of the command line: 0 done, 1 failed, 2 the input cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aletheia.cli.options import numbers
from aletheia.core.errors import InputError

ALETHEIA = Path(sys.executable).with_name("aletheia")


def run(*args: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if key not in ("MLRUN_DBPATH", "ALETHEIA_PROJECT")}
    return subprocess.run([str(ALETHEIA), *args], cwd=cwd, env=environment | env, capture_output=True, text=True)


@pytest.mark.parametrize(
    "args", [["run"], ["predict"], ["serve"], ["data", "synth"], ["functions"], ["tracking"]], ids=" ".join
)
def test_help_teaches(args):
    done = run(*args, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_an_unknown_option_is_a_usage_error():
    done = run("run", "--no-such-option")
    assert done.returncode == 2
    assert "no-such-option" in done.stderr


def test_outside_of_a_project(tmp_path):
    done = run("run", cwd=tmp_path)
    assert done.returncode == 2
    assert "No project.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_tracking_server_that_is_not_there(tmp_path):
    (tmp_path / "project.yaml").write_text("kind: project\nmetadata: {name: aletheia}\n")
    done = run("run", cwd=tmp_path, MLRUN_DBPATH="http://127.0.0.1:9")
    assert done.returncode == 2
    assert "http://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_predict_without_a_model(tmp_path):
    done = run("predict", "picture.jpg", "--model", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "model.safetensors" in done.stderr


def test_a_setting_that_does_not_fit(tmp_path):
    done = run("run", cwd=tmp_path, ALETHEIA_TRACKING_PORT="many")
    assert done.returncode == 2
    assert "ALETHEIA_TRACKING_PORT" in done.stderr or "No project.yaml" in done.stderr


@pytest.mark.parametrize("text", ["", " ", ",", "a,b", "1;2"])
def test_a_grid_without_values(text):
    with pytest.raises(InputError, match="--learning-rates"):
        numbers(text, float, "--learning-rates")


def test_numbers_are_parsed():
    assert numbers("1e-3, 2e-3", float, "--x") == [1e-3, 2e-3]
    assert numbers("8,16", int, "--x") == [8, 16]
