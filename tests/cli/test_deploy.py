"""``aletheia deploy``: options, exit codes and what it prints; the tests of a staging: `tests/lifecycle/staging`."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from aletheia.cli import app, deploy
from aletheia.core.errors import InputError
from aletheia.lifecycle.staging import deployment
from aletheia.lifecycle.staging.report import DeploymentReport, staging_result
from aletheia.release import registry as release_registry


def invoke(*words: str):
    return CliRunner().invoke(app, ["deploy", *words], env={"COLUMNS": "200"})


def test_deploy_refuses_options(registry, monkeypatch):
    monkeypatch.setattr(release_registry, "PROJECT", registry.name)
    assert invoke("v1.0.0").exit_code == 2  # --env is asked for
    assert invoke("v1.0.0", "--env", "test").exit_code == 2
    for words, message in (
        (["--env", "staging", "--url", "http://127.0.0.1:1"], "--env production"),
        (["--env", "staging", "--p95-ms", "-1"], "p95_ms"),
        (["--env", "staging"], "no registered model 'v1.0.0'"),
        (["--env", "production"], "no registered model 'v1.0.0'"),
    ):
        result = invoke("v1.0.0", *words)
        assert isinstance(result.exception, InputError) and message in str(result.exception)


@pytest.mark.parametrize(
    ("state", "code", "message"),
    [
        ("passed", 0, "Staging of v1.0.0: passed."),
        ("failed", 1, "Staging of v1.0.0: failed."),
        ("not judged", 1, "may be accepted by name: --accept-unjudged code"),
    ],
)
def test_deploy_prints_the_report(monkeypatch, state, code, message):
    report = DeploymentReport(
        version="v1.0.0",
        uid="u",
        environment="staging",
        bundle="b" * 64,
        checks=(staging_result("code", "a [bold] name", state, "the [detail]"),),
        measurements={"p95_ms": 12.0},
        page="/somewhere/report.html",
    )
    monkeypatch.setattr(deployment, "deploy", lambda *arguments, **options: report)
    result = invoke("v1.0.0", "--env", "staging")
    assert result.exit_code == code and message in result.output and "the [detail]" in result.output
    assert "The page: /somewhere/report.html" in result.output and deploy.Environment.STAGING == "staging"
    assert json.loads(invoke("v1.0.0", "--env", "staging", "--json").output)["verdict"] == state
