"""The MLRun function `monitor`, run by the stock client: it finds the incident of the drawn month, and reads a log."""

from __future__ import annotations

from pathlib import Path

import mlrun
import pandas as pd
import pytest

from aletheia.lifecycle.monitoring.sample_traffic import SECOND

from ..logs import traffic

FUNCTIONS = Path(__file__).parents[3] / "functions"

pytestmark = pytest.mark.slow


def test_function_finds_the_incident(write_log, registry, tracking_url, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    mlrun.mlconf.dbpath = tracking_url
    function = mlrun.import_function(str(FUNCTIONS / "monitor" / "function.yaml"))

    def run(**params):
        return function.run(params=params, project=registry.name, local=True, output_path=str(tmp_path / "out"))

    found = run(every="12h")
    results = found.status.results
    assert (results["requests"], results["version"], results["column"]) == (12_000, SECOND[0], "sharpness")
    age = pd.Timestamp.now("UTC") - pd.Timestamp(results["since"])
    assert pd.Timedelta(7, "D") < age < pd.Timedelta(8, "D")
    assert "sharpness of the faces" in results["verdict"]
    report = Path(found.artifact("report").local()).read_text()
    assert results["verdict"].split(". ")[-1] in report
    hours = pd.read_csv(found.artifact("intervals").local())
    assert hours["answers"].sum() + hours["errors"].sum() == 12_000
    assert {artifact["metadata"]["key"] for artifact in found.status.artifacts} == {
        "report", "verdicts", "times", "errors", "intervals",
    }  # fmt: skip

    now = pd.Timestamp.now("UTC").timestamp()
    quiet = run(log=str(write_log(traffic(300, start=now - 9_100))), days=1).status.results
    assert (quiet["requests"], quiet["changes"]) == (300, 0)
    assert "column" not in quiet
    with pytest.raises(mlrun.runtimes.utils.RunError, match="no prediction log"):
        run(log=str(tmp_path / "none"))
