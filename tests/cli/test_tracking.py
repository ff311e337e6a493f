"""``aletheia tracking …``."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from aletheia.cli import tracking as cli
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.tracking import folders, service

from ..waiting import free_port


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("ALETHEIA_TRACKING_PORT", str(free_port()))
    monkeypatch.setenv("ALETHEIA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLRUN_IGNORE_ENV_FILE", "1")
    for name in ("MLRUN_DBPATH", "ALETHEIA_TRACKING_EMBEDDED"):
        monkeypatch.setenv(name, "")  # so that the command's own setting is undone afterwards
        monkeypatch.delenv(name)
    monkeypatch.setitem(sys.modules, "mlrun", None)  # another test may have imported and configured it
    monkeypatch.setattr(cli.console, "_width", 200)
    get_settings.cache_clear()
    yield tmp_path / "home"
    get_settings.cache_clear()
    service.stop(tmp_path / "home")


def call(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == code, result.output
    return result.output


def test_start_status_stop(home: Path) -> None:
    assert "aletheia tracking start" in call("status", code=1)
    assert json.loads(call("status", "--json", code=1))["url"] is None
    assert "No tracking service" in call("stop")
    url = f"http://127.0.0.1:{get_settings().tracking_port}"
    assert f"MLRUN_DBPATH={url}" in call("start")
    started = json.loads(call("start", "--json"))
    assert started["url"] == url and started["home"] == str(home.resolve()) and started["pid"] > 1
    assert call("env") == f"MLRUN_DBPATH={url}\n"
    assert f"export MLRUN_DBPATH={url}" in call("status")
    with httpx.Client(base_url=url, trust_env=False) as client:
        client.post("/api/v1/projects", json={"metadata": {"name": "p"}}).raise_for_status()
        body = {"metadata": {"name": "[red]long"}, "status": {"state": "running"}}
        client.post("/api/v1/projects/p/runs/abc", json=body).raise_for_status()
        output = call("status")
        state = json.loads(call("status", "--json"))
    assert state["url"] == url and state["counts"]["runs"] == 1 and len(state["unfinished"]) == 1
    assert "1 projects, 1 runs" in output
    assert "[red]long" in output, "names are shown, not read as markup"
    assert "stopped" in call("stop")


def test_allow_adds_a_folder(home: Path, tmp_path: Path) -> None:
    (tmp_path / "shown").mkdir()
    call("allow", str(tmp_path / "shown"))
    assert tmp_path / "shown" in folders.allowed(home)
    for folder in ("/", str(tmp_path / "missing")):
        result = CliRunner().invoke(cli.app, ["allow", folder])
        assert isinstance(result.exception, InputError)


def test_ui_prints_both_addresses(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aletheia.tracking import mlflow_export
    from aletheia.tracking.mlflow_exporter import ExportSummary

    # The export has tests of its own; making MLflow's database takes seconds.
    summary = ExportSummary("sqlite:///somewhere.db")
    monkeypatch.setattr(mlflow_export, "export_project", lambda **_: summary)
    output = call("ui", "--port", "5999", "--dry-run").replace("\n", " ")
    assert "http://127.0.0.1:5999" in output
    address = f"http://127.0.0.1:{get_settings().tracking_port}"
    assert f"MLRUN_API_PROXY_URL={address}" in output and f"MLRUN_NUCLIO_API_URL={address}" in output
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(cli.app, ["ui", "--port", port, "--no-browser"])
    assert isinstance(result.exception, InputError)
    assert port in str(result.exception)
