"""`aletheia monitor --applications`: runs of MLRun on a log, in the project."""

from __future__ import annotations

import json

import pytest

from aletheia.cli.monitor_applications import judge_by_applications
from aletheia.lifecycle.prediction_log.table import PredictionTable

from ..lifecycle.logs import START, traffic


@pytest.mark.slow
def test_last_hour_against_what_was_before(tmp_path, mlrun_project, monkeypatch, capsys):
    """The brightness has changed."""
    monkeypatch.setattr("aletheia.project.workspace.open_project", lambda: mlrun_project)
    monkeypatch.setattr("time.time", lambda: START + 12_000)
    table = PredictionTable(tmp_path / "log.sqlite")
    table.append([*traffic(300), *traffic(100, seed=1, start=START + 9000, luma=4.0)])
    table.close()
    assert judge_by_applications(tmp_path / "log.sqlite", 3000, 86_400, spacing=10, as_json=True)
    shown = capsys.readouterr().out
    found = json.loads(shown[shown.index("{\n") :])
    names = {part["result_name"]: part["result_status"] for part in found["ChangeApplication"]["results"][:3]}
    assert names == {"pictures": 2, "embedding": 0, "answers": 0}
    assert {run["metadata"]["uid"] for run in mlrun_project.list_runs()} == {part["run"] for part in found.values()}
