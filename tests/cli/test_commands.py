"""Exit codes and messages of the command line: 0 done, 1 failed, 2 the input cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aletheia.cli.root import app
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings

ALETHEIA = Path(sys.executable).with_name("aletheia")


def run(*args: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if key not in ("MLRUN_DBPATH", "ALETHEIA_PROJECT")}
    return subprocess.run([str(ALETHEIA), *args], cwd=cwd, env=environment | env, capture_output=True, text=True)


@pytest.mark.parametrize(
    "args", [["run"], ["predict"], ["serve"], ["data", "synth"], ["functions"], ["tracking"]], ids=" ".join
)
def test_help_of_commands(args):
    done = CliRunner().invoke(app, [*args, "--help"])
    assert done.exit_code == 0
    assert "Usage" in done.stdout


def test_run_unknown_option():
    done = run("run", "--no-such-option")
    assert done.returncode == 2
    assert "no-such-option" in done.stderr


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder, in which the test stands; no tracking service and no project are named."""
    monkeypatch.chdir(tmp_path)
    for name in ("MLRUN_DBPATH", "ALETHEIA_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_run_outside_of_a_project(folder):
    done = CliRunner().invoke(app, ["run"])
    assert isinstance(done.exception, InputError) and "No project.yaml" in str(done.exception)


def test_run_unreachable_tracking_server(folder, monkeypatch):
    (folder / "project.yaml").write_text("kind: project\nmetadata: {name: aletheia}\n")
    monkeypatch.setenv("MLRUN_DBPATH", "http://127.0.0.1:9")
    done = CliRunner().invoke(app, ["run"])
    assert isinstance(done.exception, InputError) and "http://127.0.0.1:9" in str(done.exception)


def test_predict_without_model(tmp_path):
    done = run("predict", "picture.jpg", "--model", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "model.safetensors" in done.stderr


def test_run_bad_environment_setting(folder, monkeypatch):
    (folder / "project.yaml").write_text("kind: project\nmetadata: {name: aletheia}\n")
    monkeypatch.setenv("ALETHEIA_TRACKING_PORT", "many")
    get_settings.cache_clear()
    try:
        done = CliRunner().invoke(app, ["run"])
    finally:
        get_settings.cache_clear()
    assert isinstance(done.exception, InputError) and "ALETHEIA_TRACKING_PORT" in str(done.exception)
