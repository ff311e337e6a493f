"""Deployment: the real service is started, tested and ended; only what passed is promoted."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid

import numpy as np
import pandas as pd
import psutil
import pytest
from typer.testing import CliRunner

from aletheia.cli import root
from aletheia.core.errors import InputError
from aletheia.inference.predictor import Predictor
from aletheia.lifecycle.model_versions.history import list_changes
from aletheia.lifecycle.staging import deployment
from aletheia.lifecycle.staging.answering import wait_for_version
from aletheia.lifecycle.staging.budget_checks import Budgets
from aletheia.lifecycle.staging.deployment import deploy
from aletheia.lifecycle.staging.integration_tests import CODES, StagingTarget, run_tests
from aletheia.lifecycle.staging.records import bundle_hash, has_passed, newest_staging
from aletheia.lifecycle.staging.report import DeploymentReport, staging_result
from aletheia.lifecycle.staging.report_page import render_staging_report
from aletheia.models.model_files import WEIGHTS
from aletheia.models.spec import read_spec, write_spec
from aletheia.release import registry as release_registry
from aletheia.release.golden_answers import draw_pictures

from ...waiting import wait_for
from .conftest import with_golden


def test_promotion_needs_a_passed_staging_of_these_files(registry):
    version = registry.register_bundle(*registry.bundle(), "candidate", staged=False)
    how = r"`aletheia deploy v1\.0\.0 --env staging`"
    with pytest.raises(InputError, match=rf"v1\.0\.0 has not passed the staging with these files: {how}"):
        registry.change("promote", version)
    registry.note_staging(version)
    failed = registry.note_staging(version, passed=False)
    with pytest.raises(InputError, match=rf"The last staging of v1\.0\.0 says “failed” \(run {failed[:8]}\)"):
        registry.change("promote", version)
    registry.note_staging(version)
    folder = registry.catalog().find(version).folder
    write_spec(
        folder, read_spec(folder).model_copy(update={"threshold": 0.9})
    )  # answers otherwise, by the same weights
    with pytest.raises(InputError, match="not passed the staging with these files"):
        registry.change("promote", version)
    assert registry.production() == []
    registry.note_staging(version)
    registry.change("promote", version)
    assert registry.production() == [version]


def test_the_staging_is_waived_with_a_reason_that_the_history_shows(registry):
    version = registry.register_bundle(*registry.bundle(), "candidate", staged=False)
    with pytest.raises(InputError, match="--reason"):
        registry.change("promote", version, waive=["staging"], reason=" ")
    with pytest.raises(InputError, match="can waive staging, not 'calibrated'"):
        registry.change("promote", version, waive=["calibrated"], reason="why")
    registry.change("promote", version, waive=["staging"], reason="the old one is down")
    last = list_changes(registry.catalog())[-1]
    assert (last.exceptions, last.reason) == ("waived staging", "the old one is down")


def test_a_staging_that_passed_needs_no_waiver(registry):
    version = registry.register()
    registry.change("promote", version, waive=["staging"], reason="in a hurry")
    assert list_changes(registry.catalog())[-1].exceptions == ""


def test_deploy_refuses_before_it_starts_anything(registry):
    registry.register("production")
    registry.register()
    registry.change("retire", "v1.0.1")
    registry.register()

    def refused(version: str, *arguments: str, **options) -> str:
        with pytest.raises(InputError) as error:
            deploy(version, *arguments, project=registry.name, **options)
        return str(error.value)

    assert "no registered model 'v9.0.0'" in refused("v9.0.0")
    assert "no environment 'test'" in refused("v1.0.0", "test")
    assert "is retired" in refused("v1.0.1")
    assert "in production already" in refused("v1.0.0", "production")
    assert "golden-answers" in refused("v1.0.0", accept_unjudged=["golden"])
    (registry.catalog().find("v1.0.2").folder / WEIGHTS).write_bytes(b"damaged")
    assert "is not the file" in refused("v1.0.2")
    assert not [run for run in registry.catalog().runs if run["status"]["state"] == "error"]


def test_deploy_without_a_tracking_server(monkeypatch):
    monkeypatch.setenv("MLRUN_DBPATH", "http://127.0.0.1:9")
    with pytest.raises(InputError):
        deploy("v1.0.0")


@pytest.mark.slow
def test_a_service_that_does_not_start_is_noted_as_an_error(registry):
    version = registry.register()  # its weights are no network
    with pytest.raises(InputError, match=rf"staging service of {version} ended while it started \(exit code 2\)"):
        deploy(version, project=registry.name)
    run = registry.catalog().runs[-1]
    assert run["status"]["state"] == "error" and "exit code 2" in run["status"]["error"]


def test_run_tests_in_process(service, registry, golden_bundle):
    """All tests but the identity, since this service answers from a folder; the budget is planted."""
    version = registry.register_bundle(golden_bundle, read_spec(golden_bundle), "candidate")
    model = registry.catalog().find(version)
    target = StagingTarget(registry.reader, registry.name, model, golden_bundle, read_spec(golden_bundle))
    checks, measured = run_tests(service, target, Budgets(p95_ms=0.001, requests=20))
    states = {check.code: check.state for check in checks}
    assert tuple(states) == CODES
    assert states.pop("serves-version") == "failed"
    assert states.pop("latency") == "failed" and measured["p95_ms"] > 0.001
    assert states.pop("offline-scores") == "not judged"
    assert set(states.values()) == {"passed"}


def report(*states: str, **values) -> DeploymentReport:
    checks = tuple(staging_result(f"code-{i}", "a <test>", state, "the & detail") for i, state in enumerate(states))
    fields = {"version": "v1.0.0", "uid": "u", "environment": "staging", "bundle": "b" * 64, "checks": checks}
    return DeploymentReport(**{**fields, "measurements": {"p95_ms": 12.0}, **values})


@pytest.mark.parametrize(
    ("states", "verdict"),
    [
        (["passed", "passed"], "passed"),
        (["passed", "not judged"], "not judged"),
        (["failed", "not judged"], "failed"),
        ([], "not judged"),
    ],
)
def test_verdict(states, verdict):
    made = report(*states)
    assert (made.verdict, made.passed) == (verdict, verdict == "passed")
    assert json.loads(json.dumps(made.to_dict()))["verdict"] == made.results()["verdict"] == verdict
    page = render_staging_report(made)
    assert "a &lt;test&gt;" in page or not states
    assert "<script" not in page and "http" not in page.partition("<body>")[2]


def test_report_survives_its_run(registry):
    made = report("passed", who="me", moment="2026-01-01T00:00:00+00:00")
    labels = {"lifecycle": "deploy", "owner": "me"}
    uid = registry.reader.note_run(registry.name, "deploy", made.results(), labels=labels)
    run = newest_staging(registry.catalog().runs, "b" * 64)
    read = DeploymentReport.from_run(run)
    assert has_passed(run) and (read.run_uid, read.checks, read.measurements) == (uid, made.checks, made.measurements)
    assert newest_staging(registry.catalog().runs, "c" * 64) is None


def test_wait_for_version_refuses():
    with pytest.raises(InputError, match="still answers with nothing"):
        wait_for_version("http://127.0.0.1:9", "v1.0.0", seconds=0.1)


def note_evaluation(registry, folder, pictures) -> None:
    """Note the scores of an evaluation as an artifact of its run, as the function `evaluate` does."""
    registry.folder.mkdir(exist_ok=True)
    predictor, rows = Predictor(folder), []
    for number, jpeg in enumerate(pictures):
        (path := registry.folder / f"{number}.jpg").write_bytes(jpeg)
        rows += [(str(path), face.probability) for face in predictor.predict(jpeg).faces[:1]]
    scores = pd.DataFrame(rows, columns=["original", "probability"]).assign(face_index=0, frame_time=np.nan)
    scores.to_parquet(file := registry.folder / f"{uuid.uuid4().hex}.parquet")
    uri = registry.reader.note_artifact(registry.name, "scores", str(file), run="run-of-evaluate", name="evaluate")
    body = {
        "metadata": {"name": "evaluate", "uid": "run-of-evaluate", "project": registry.name},
        "status": {"state": "completed", "artifact_uris": {"scores": uri}},
    }
    registry.http.post(f"/api/v1/projects/{registry.name}/runs/run-of-evaluate", json=body).raise_for_status()


@pytest.mark.slow
def test_deploy_to_production_and_a_running_service_answers_with_it(
    registry, golden_bundle, tmp_path, serving, monkeypatch, tracking_url
):
    monkeypatch.setattr(release_registry, "PROJECT", registry.name)
    monkeypatch.setattr(deployment, "wait_for_version", lambda url, version, _: wait_for_version(url, version, 240))
    first = registry.register_bundle(golden_bundle, read_spec(golden_bundle), "production")
    folder = with_golden(tmp_path / "second", seed=5)
    version = registry.register_bundle(folder, read_spec(folder), "candidate", staged=False)
    note_evaluation(registry, folder, draw_pictures())
    with serving(models=(f"store://models/{registry.name}/detector:production",), workers=1) as running:
        url = str(running.client.base_url)
        before = {process.pid for process in psutil.Process().children(recursive=True)}
        command = ["deploy", version, "--env", "production", "--url", url, "--requests", "20", "--json"]
        result = CliRunner().invoke(root.app, [*command, "--p95-ms", "60000"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        after = {process.pid for process in psutil.Process().children(recursive=True)}
        assert after <= before
        described = running.client.get("/v2/models/detector").json()
        assert described["release"] == version != first
    printed = json.loads(result.output)
    assert printed["promoted"] and printed["passed"] and printed["answering_s"] >= 0
    assert {check["code"]: check["state"] for check in printed["checks"]} == dict.fromkeys(CODES, "passed")
    assert registry.production() == [version]
    run = newest_staging(registry.catalog().runs, bundle_hash(folder))
    assert run["metadata"]["uid"] == printed["run_uid"] and run["metadata"]["labels"]["owner"]
    assert set(run["status"]["artifact_uris"]) == {"report", "report_json"}
    page = registry.http.get("/api/v1/files", params={"path": printed["page"]})
    assert page.status_code == 200 and f"Staging of {version}" in page.text and "It passed every test" in page.text


@pytest.mark.slow
def test_a_killed_deploy_is_noted_as_aborted(registry):
    version = registry.register_bundle(*registry.bundle(), "candidate", staged=False)
    code = f"""
import sys
from aletheia.lifecycle.staging import deployment, service_process
service_process.SERVE = (sys.executable, "-c", "import time; time.sleep(300)")
deployment.deploy({version!r}, project={registry.name!r})
"""

    def noted() -> list[dict]:
        return [run for run in registry.catalog().runs if run["metadata"]["name"] == "deploy"]

    with subprocess.Popen([sys.executable, "-c", code]) as process:
        wait_for(noted)
        process.kill()
    wait_for(lambda: noted()[0]["status"]["state"] == "aborted")
    with pytest.raises(InputError, match="has not passed the staging"):
        registry.change("promote", version)
