"""`aletheia retrain`: what it says and its exit codes."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from aletheia.cli.retrain import NOT_DUE, REFUSED
from aletheia.cli.retrain import retrain as retrain_command
from aletheia.cli.root import app
from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.catalog import ModelVersion
from aletheia.lifecycle.retraining.champion import Champion
from aletheia.lifecycle.retraining.triggers import judge_new_data
from aletheia.project import retraining
from aletheia.project.retraining import RetrainingPlan

MODEL = ModelVersion("v1.0.0", "u" * 40, (), {}, "", "", "attention_cnn", {}, "production")


@pytest.fixture
def retrain(monkeypatch, tmp_path):
    """Run the command with a plan and an outcome of the test's; returns the result, and what was asked for."""
    champion = Champion(MODEL, tmp_path, {"accept_unjudged": ["fair"]}, {}, {})
    asked = {}

    def run(*words, due=True, outcome=None):
        finding = judge_new_data(60 if due else 6)
        plan = RetrainingPlan(champion, ["/new"], 60, [finding], due, finding.sentence)
        monkeypatch.setattr(retraining, "plan_retraining", lambda *a, **k: asked.update(plan=(a, k)) or plan)
        monkeypatch.setattr(retraining, "run_retraining", lambda plan, **k: asked.update(run=k) or outcome)
        asked.clear()
        assert any(command.callback is retrain_command for command in app.registered_commands)
        return CliRunner().invoke(app, ["retrain", *map(str, words)]), asked

    return run


def outcome(state: str) -> dict:
    return {"state": state, "version": "v1.0.1", "sentences": [f"It is {state}."], "seconds": 1.0}


@pytest.mark.parametrize(("state", "code"), [("registered", 0), ("refused", REFUSED), ("failed", 1)])
def test_exit_codes(retrain, state, code):
    result, asked = retrain("new", "--add", "more", "--promote", "auto", "--held-back", 0.5, outcome=outcome(state))
    assert result.exit_code == code
    assert [str(path) for path in asked["plan"][0][0]] == ["new", "more"]
    assert asked["run"] == {"auto_promote": True, "held_back_share": 0.5, "artifact_path": ""}
    assert f"It is {state}." in result.output and "v1.0.0 is retrained: 60 new files" in result.output


def test_not_due_and_dry_run(retrain):
    result, asked = retrain("--when", "drift", "--when", "schedule", "--every", "7d", due=False)
    assert (result.exit_code, "run" in asked) == (NOT_DUE, False)
    assert asked["plan"][0][1] == ["drift", "schedule"] and asked["plan"][1]["every"] == 604_800
    assert "new-data: no. 6 new files" in result.output and "v1.0.0 is not retrained" in result.output
    result, asked = retrain("--dry-run")
    assert (result.exit_code, "run" in asked) == (0, False)
    assert "v1.0.0 would be retrained" in result.output


def test_json(retrain):
    result, _ = retrain("--json", outcome=outcome("registered"))
    told = json.loads(result.stdout)
    assert (told["state"], told["plan"]["due"], told["version"]) == ("registered", True, "v1.0.1")
    result, _ = retrain("--json", due=False)
    assert json.loads(result.stdout)["state"] == "not due"


def test_exceptions_are_added_to_those_of_the_model(retrain):
    _, asked = retrain("--accept-unjudged", "sealed-confirms", outcome=outcome("registered"))
    assert asked["run"]["accept_unjudged"] == ["fair", "sealed-confirms"]
    assert not asked["run"]["auto_promote"]


def test_artifact_path(retrain):
    _, asked = retrain("--artifact-path", "s3://bucket/runs/", outcome=outcome("registered"))
    assert asked["run"]["artifact_path"] == "s3://bucket/runs"
    result, asked = retrain("--artifact-path", "gs://bucket/runs", outcome=outcome("registered"))
    assert isinstance(result.exception, InputError) and "run" not in asked


def test_wrong_span(retrain):
    result, _ = retrain("--every", "soon")
    assert isinstance(result.exception, InputError) and "--every" in str(result.exception)
