"""Copies of runs, found again by their tags."""

from __future__ import annotations

import pytest

from aletheia.tracking import mlflow_exporter
from aletheia.tracking.mlflow_exporter import Exporter, ExportSummary
from aletheia.tracking.reader import Reader


@pytest.fixture
def exporter(recorder, mlflow, uri, tracking_url):
    with Reader(tracking_url) as reader:
        yield Exporter(mlflow, reader, recorder.name, ExportSummary(uri))


def test_copy_for_finds_its_copies_again(exporter, mlflow, uri):
    copy, created = exporter.copy_for("u", 2, "name", "1970-01-01T00:00:01+00:00", {"more": "tags"})
    assert created
    assert exporter.copy_for("u", 2, "name", None, {}) == (copy, False)
    assert (copy.info.start_time, copy.info.run_name) == (1000, "name")
    tags = {"mlrun.uid": "u", "mlrun.iteration": "2", "mlrun.project": exporter.project, "more": "tags"}
    assert tags.items() <= copy.data.tags.items()
    second = Exporter(mlflow, exporter.reader, exporter.project, ExportSummary(uri))
    assert second.experiment == exporter.experiment
    again, created = second.copy_for("u", 2, "name", None, {})
    assert (again.info.run_id, created) == (copy.info.run_id, False)
    assert second.copy_for("u", 3, "name", None, {})[1]


def test_log_writes_in_batches(exporter, mlflow, monkeypatch):
    monkeypatch.setattr(mlflow_exporter, "_BATCH", 2)
    copy, _ = exporter.copy_for("u", 0, "name", None, {})
    exporter.log(
        copy,
        params={f"p{index}": "x" * 7000 for index in range(3)},
        metrics={"a": 1, "b": 0.5, "c": float("nan"), "text": "no number", "flag": True},
        tags={"t": 5, "empty": ""},
        moment="1970-01-01T00:00:02+00:00",
    )
    run = mlflow.get_run(copy.info.run_id)
    assert {name: len(value) for name, value in run.data.params.items()} == {"p0": 6000, "p1": 6000, "p2": 6000}
    assert set(run.data.metrics) == {"a", "b", "c"}
    assert (run.data.metrics["a"], run.data.metrics["b"]) == (1, 0.5)
    assert run.data.tags["t"] == "5"
    assert "empty" not in run.data.tags
    assert mlflow.get_metric_history(copy.info.run_id, "a")[0].timestamp == 2000


def test_log_leaves_what_is_there(exporter, mlflow):
    copy, _ = exporter.copy_for("u", 0, "name", None, {})
    for _ in range(2):
        values = {"params": {"p": 1}, "metrics": {"m": 0.5}, "tags": {}}
        exporter.log(mlflow.get_run(copy.info.run_id), **values, moment=None)
    assert len(mlflow.get_metric_history(copy.info.run_id, "m")) == 1
