"""``aletheia runs …``."""

from __future__ import annotations

import uuid

import httpx
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
        url = f"{tracking_url}/api/v1/projects/aletheia/runs/{uid}"
        httpx.post(url, json=body, trust_env=False).raise_for_status()
    result = CliRunner().invoke(app, ["prune", "--keep", "1", "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "would be deleted: 3.0 MB" in result.output and f"artifacts/{uids[0]}" in result.output
    assert (tmp_path / "artifacts" / uids[0]).exists()
    result = CliRunner().invoke(app, ["prune", "--keep", "1"])
    assert " deleted: 3.0 MB" in result.output
    assert [(tmp_path / "artifacts" / uid).exists() for uid in uids] == [False, True]
    httpx.delete(f"{tracking_url}/api/v1/projects/aletheia/runs/{uids[0]}", trust_env=False)
    httpx.delete(f"{tracking_url}/api/v1/projects/aletheia/runs/{uids[1]}", trust_env=False)
    assert isinstance(CliRunner().invoke(app, ["prune", "--keep", "0"]).exception, InputError)
