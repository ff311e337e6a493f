"""``aletheia runs …``."""

from __future__ import annotations

import json
import uuid

import httpx
import pytest
from typer.testing import CliRunner

from aletheia.cli.runs import app
from aletheia.core.errors import InputError


def test_prune_says_what_it_would_delete(tracking_url, tmp_path, monkeypatch):
    (tmp_path / "project.yaml").touch()
    monkeypatch.setenv("ALETHEIA_PROJECT", str(tmp_path))
    httpx.post(f"{tracking_url}/api/v1/projects", json={"metadata": {"name": "aletheia"}}, trust_env=False)
    uids = [uuid.uuid4().hex for _ in range(2)]
    # The project of the command, which other tests of the session may have used: these two runs are its newest.
    for number, uid in enumerate(uids):
        (tmp_path / "artifacts" / uid).mkdir(parents=True)
        (tmp_path / "artifacts" / uid / "file").write_bytes(bytes(3_000_000))
        moment = f"2999-01-0{number + 1}T00:00:00+00:00"
        body = {"metadata": {"name": "train", "uid": uid}, "status": {"state": "completed", "start_time": moment}}
        body["spec"] = {"output_path": f"s3://bucket/runs/{uid}"}
        url = f"{tracking_url}/api/v1/projects/aletheia/runs/{uid}"
        httpx.post(url, json=body, trust_env=False).raise_for_status()
    result = CliRunner().invoke(app, ["prune", "--keep", "1", "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "would be deleted: 3.0 MB" in result.output and f"artifacts/{uids[0]}" in result.output
    assert (tmp_path / "artifacts" / uids[0]).exists()
    result = CliRunner().invoke(app, ["prune", "--keep", "1"])
    assert " deleted: 3.0 MB" in result.output
    there = f"what lies in a bucket: 1 folder. To delete them:\naws s3 rm --recursive s3://bucket/runs/{uids[0]}\n"
    assert there in result.output
    assert [(tmp_path / "artifacts" / uid).exists() for uid in uids] == [False, True]
    httpx.delete(f"{tracking_url}/api/v1/projects/aletheia/runs/{uids[0]}", trust_env=False)
    httpx.delete(f"{tracking_url}/api/v1/projects/aletheia/runs/{uids[1]}", trust_env=False)
    assert isinstance(CliRunner().invoke(app, ["prune", "--keep", "0"]).exception, InputError)


@pytest.fixture
def two_runs(tracking_url, tmp_path, monkeypatch) -> list[str]:
    """Two runs of the workflow, newer than those of other tests."""
    (tmp_path / "project.yaml").touch()
    monkeypatch.setenv("ALETHEIA_PROJECT", str(tmp_path))
    http = httpx.Client(base_url=tracking_url, trust_env=False)
    http.post("/api/v1/projects", json={"metadata": {"name": "aletheia"}})
    uids = [uuid.uuid4().hex for _ in range(2)]
    for number, uid in enumerate(uids):
        body = {
            "metadata": {"name": "main", "uid": uid, "labels": {"kind": "workflow", "experiment": "cli"}},
            "spec": {"parameters": {"epochs": number}},
            "status": {"state": "completed", "start_time": f"2998-01-0{number + 1}", "results": {"auc": 0.75}},
        }
        http.post(f"/api/v1/projects/aletheia/runs/{uid}", json=body).raise_for_status()
    yield uids
    for uid in uids:
        http.delete(f"/api/v1/projects/aletheia/runs/{uid}")


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output + str(result.exception)
    return result.output


def test_list_show_compare(two_runs, tmp_path):
    listed = json.loads(run("list", "--experiment", "cli", "--json"))
    assert [row["uid"] for row in listed] == two_runs[::-1]
    assert run("list", "--experiment", "cli", "--last", "1").count("0.750") == 1
    assert "No run" in run("list", "--experiment", "other")
    assert "epochs" in run("show", two_runs[0]) and json.loads(run("show", "cli", "--json"))["uid"] == two_runs[1]
    text = run("compare", two_runs[0], two_runs[1], "--page", str(tmp_path / "page.html"))
    assert "epochs" in text and "No result differs." in text and "evaluated nothing" in text
    assert "Parameters that differ" in (tmp_path / "page.html").read_text()
    assert json.loads(run("compare", *two_runs, "--json"))["parameters"] == [
        {"name": "epochs", "first": 0, "second": 1}
    ]
    assert isinstance(CliRunner().invoke(app, ["show", "nothing"]).exception, InputError)


def test_show_of_two_and_compare_of_one(two_runs):
    """Each says what to do instead."""
    first, second = two_runs
    shown = CliRunner().invoke(app, ["show", first, second])
    assert f"aletheia runs compare {first} {second}" in str(shown.exception) and isinstance(shown.exception, InputError)
    compared = CliRunner().invoke(app, ["compare", "cli", "cli"])
    assert isinstance(compared.exception, InputError) and f"Both name the run {second[:8]}" in str(compared.exception)
