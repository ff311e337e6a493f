"""Exit codes and messages of the command line: 0 done, 1 failed, 2 the input cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ALETHEIA = Path(sys.executable).with_name("aletheia")


def run(*args: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if key not in ("MLRUN_DBPATH", "ALETHEIA_PROJECT")}
    return subprocess.run([str(ALETHEIA), *args], cwd=cwd, env=environment | env, capture_output=True, text=True)


@pytest.mark.parametrize(
    "args", [["run"], ["predict"], ["serve"], ["data", "synth"], ["functions"], ["tracking"]], ids=" ".join
)
def test_help_of_commands(args):
    done = run(*args, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_run_unknown_option():
    done = run("run", "--no-such-option")
    assert done.returncode == 2
    assert "no-such-option" in done.stderr


def test_run_outside_of_a_project(tmp_path):
    done = run("run", cwd=tmp_path)
    assert done.returncode == 2
    assert "No project.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_run_unreachable_tracking_server(tmp_path):
    (tmp_path / "project.yaml").write_text("kind: project\nmetadata: {name: aletheia}\n")
    done = run("run", cwd=tmp_path, MLRUN_DBPATH="http://127.0.0.1:9")
    assert done.returncode == 2
    assert "http://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_predict_without_model(tmp_path):
    done = run("predict", "picture.jpg", "--model", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "model.safetensors" in done.stderr


def test_run_bad_environment_setting(tmp_path):
    done = run("run", cwd=tmp_path, ALETHEIA_TRACKING_PORT="many")
    assert done.returncode == 2
    assert "ALETHEIA_TRACKING_PORT" in done.stderr or "No project.yaml" in done.stderr
