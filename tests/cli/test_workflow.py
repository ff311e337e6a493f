"""``aletheia workflow compile``: options reach the compilation; what is wrong is said before anything is written."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from aletheia.cli import workflow
from aletheia.project.kubeflow import compilation


@pytest.fixture
def compiled(monkeypatch):
    """Calls of the compilation, which takes the environment of another project."""
    calls = []

    def compile_workflow(root, config, target, **options):
        calls.append((config, target, options))
        return {"steps": ["train"], "parameters": {"epochs": "3"}}

    monkeypatch.setattr(compilation, "compile_workflow", compile_workflow)
    return calls


def test_options(compiled, tmp_path):
    (tmp_path / "run.yaml").write_text("epochs: 5\nseed: 4\n")
    arguments = ["out.yaml", "--config", str(tmp_path / "run.yaml"), "-o", "epochs=3", "-o", "leave_out=generator=a"]
    result = CliRunner().invoke(workflow.app, [*arguments, "--image", "i", "--artifact-path", "s3://b", "--json"])
    assert result.exit_code == 0, result.output
    config, target, options = compiled[0]
    assert (config.epochs, config.seed, config.leave_out) == (3, 4, ["generator=a"]) and target.name == "out.yaml"
    assert options == {"workflow": "main", "python": None, "image": "i", "artifact_path": "s3://b"}
    assert json.loads(result.stdout) == {"steps": ["train"], "parameters": {"epochs": "3"}}


@pytest.mark.parametrize(("word", "message"), [("epohcs=3", "epohcs"), ("epochs", "key=value"), ("epochs=0", "epochs")])
def test_refuses_options(compiled, word, message):
    result = CliRunner().invoke(workflow.app, ["-o", word])
    assert message in str(result.exception) and not compiled
