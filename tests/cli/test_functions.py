"""`aletheia functions`; its work is tested with that of aletheia.project.check and aletheia.project.functions."""

from __future__ import annotations

import os
from pathlib import Path

from typer.testing import CliRunner

from aletheia.cli.functions import app
from aletheia.core.errors import InputError

ROOT = Path(__file__).parents[2]


def test_build_unknown_function(monkeypatch):
    monkeypatch.setenv("MLRUN_DBPATH", "http://127.0.0.1:9")
    done = CliRunner().invoke(app, ["build", "nothing", "--project", str(ROOT)])
    assert isinstance(done.exception, InputError)
    assert "There are: extract-faces, prepare-data" in str(done.exception)
    assert os.environ["MLRUN_DBPATH"] == "http://127.0.0.1:9"


def test_check_this_project():
    done = CliRunner().invoke(app, ["check", "--project", str(ROOT)])
    assert (done.exit_code, done.output) == (0, "Notebooks, functions and project.yaml agree.\n")


def test_check_outside_of_a_project(tmp_path):
    done = CliRunner().invoke(app, ["check", "--project", str(tmp_path)])
    assert isinstance(done.exception, InputError)
