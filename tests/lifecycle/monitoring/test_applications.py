"""The applications of MLRun's model monitoring, run by MLRun itself against the tracking service of the tests."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pandas as pd
import pytest
from mlrun.common.schemas.model_monitoring.constants import ResultKindApp, ResultStatusApp

from aletheia.core.errors import InputError
from aletheia.lifecycle.monitoring.applications import (
    APPLICATIONS,
    ChangeApplication,
    ServiceApplication,
    _bins,
    evaluate_applications,
    sample_of,
)
from aletheia.lifecycle.prediction_log.entry import LogEntry

from ..logs import START, VERSION, traffic


class Window:
    """What MLRun hands to an application."""

    def __init__(self, sample: pd.DataFrame, reference: pd.DataFrame) -> None:
        from mlrun.model_monitoring.api import get_sample_set_statistics

        self.sample_df, self.feature_stats = sample, get_sample_set_statistics(reference)


def results(application, log, reference):
    known = sample_of(reference).drop(columns=["time", "error", "ms_total"])
    found = application.do_tracking(Window(sample_of(log, with_errors=True), known))
    return {result.name: result for result in found}


@pytest.mark.slow
def test_runs_of_mlrun(mlrun_project, log_of):
    """Each application is a run in the project, whose results stand in the tracking service as MLRun writes them."""
    log = log_of(traffic(400), traffic(200, seed=1, start=START + 12_000, sharpness=3.0))
    runs = evaluate_applications(log[400:], log[:400])
    assert list(runs) == [application.__name__ for application in APPLICATIONS]
    stored = mlrun_project.list_runs()
    assert {run["metadata"]["uid"] for run in stored} == {run.uid() for run in runs.values()}
    found = {part["result_name"]: part for part in runs["ChangeApplication"].output("return") if "result_name" in part}
    assert (found["pictures"]["result_status"], found["pictures"]["result_value"]) == (ResultStatusApp.detected, 1.0)
    assert found["pictures"]["result_kind"] == ResultKindApp.data_drift.value
    assert json.loads(found["pictures"]["result_extra_data"])["column"] == "sharpness"
    assert found["embedding"]["result_status"] == found["answers"]["result_status"] == ResultStatusApp.no_detection
    module = importlib.import_module(ChangeApplication.__module__).__file__
    function = mlrun_project.set_model_monitoring_function(
        "changes", func=module, application_class="ChangeApplication", image="aletheia", spacing=60
    )  # what a real MLRun deploys
    assert {step.class_name for step in function.spec.graph.steps.values()} >= {"ChangeApplication"}
    served = {part["result_name"]: part for part in runs["ServiceApplication"].output("return")}
    assert served["p95_ms"]["result_value"] == pytest.approx(np.quantile(log[400:]["ms_total"], 0.95))
    assert served["p95_ms"]["result_kind"] == ResultKindApp.system_performance.value


def test_quiet_window_is_quiet(log_of):
    log = log_of(traffic(1400))
    found = results(ChangeApplication(), log[400:], log[:400])
    assert {name: found[name].status for name in ("pictures", "embedding", "answers")} == dict.fromkeys(
        ("pictures", "embedding", "answers"), ResultStatusApp.no_detection
    )
    assert found["compared_answers"].value == 1000


@pytest.mark.parametrize(
    ("moved", "name"),
    [({"luma": -3.0}, "pictures"), ({"embedding": 2.0}, "embedding"), ({"probability": 2.5}, "answers")],
)
def test_each_group(log_of, moved, name):
    log = log_of(traffic(400), traffic(200, seed=1, start=START + 12_000, **moved))
    found = results(ChangeApplication(), log[400:], log[:400])
    assert found[name].status == ResultStatusApp.detected
    others = {"pictures", "embedding", "answers"} - {name}
    if name != "answers":
        assert all(found[other].status == ResultStatusApp.no_detection for other in others)


def test_few_rows_may_be_a_change(log_of):
    """Between quiet and certain lies "potential": some rows of a clear change."""
    log = log_of(traffic(400), traffic(200, seed=1, start=START + 12_000, luma=6.0))
    by_rows = [results(ChangeApplication(), log[400 : 400 + n], log[:400])["pictures"] for n in range(2, 30)]
    statuses = [result.status for result in by_rows]
    assert statuses[0] == ResultStatusApp.no_detection and statuses[-1] == ResultStatusApp.detected
    assert ResultStatusApp.potential_detection in statuses
    assert statuses == sorted(statuses)  # more of the same makes it surer


def test_what_cannot_be_judged(log_of):
    log = log_of(traffic(400))
    assert all(
        result.status == ResultStatusApp.irrelevant
        for name, result in results(ServiceApplication(), log[:5], log).items()
    )
    bare = Window(pd.DataFrame({"age": [1.0, 2.0]}), pd.DataFrame({"age": [1.0, 2.0]}))
    for application in (ChangeApplication(), ServiceApplication()):
        found = [result for result in application.do_tracking(bare) if result.name != "compared_answers"]
        assert found and all(result.status == ResultStatusApp.irrelevant for result in found)


def test_service(log_of):
    errors = [LogEntry(START + 31 * n, f"e{n}", VERSION, "u", error="internal") for n in range(10)]
    log = log_of(traffic(90), errors)
    found = results(ServiceApplication(), log, log)
    assert found["fault_rate"].value == pytest.approx(0.1)
    assert found["fault_rate"].status == ResultStatusApp.detected
    assert results(ServiceApplication(fault_rate=0.2), log, log)["fault_rate"].status == ResultStatusApp.no_detection
    assert results(ServiceApplication(p95_ms=1), log, log)["p95_ms"].status == ResultStatusApp.detected


def test_bins():
    """By MLRun's own histogram: what lies outside is beyond the first and the last bin."""
    rng = np.random.default_rng(0)
    reference = rng.normal(size=500)
    counts, edges = np.histogram(reference, bins=20)
    bins, of_reference = _bins(np.array([*reference, -9, 9, np.nan]), {"hist": [counts.tolist(), edges.tolist()]})
    assert np.array_equal(np.bincount(bins[:500].astype(int), minlength=21)[1:], counts)
    assert np.array_equal(np.bincount(of_reference.astype(int), minlength=21)[1:], counts)
    assert (bins[500], bins[501]) == (0, 21) and np.isnan(bins[502])


def test_nothing_to_compare(log_of):
    log = log_of(traffic(10))
    with pytest.raises(InputError, match="reference holds no answer"):
        evaluate_applications(log, log[:0])
    with pytest.raises(InputError, match="no request in this time"):
        evaluate_applications(log[:0], log)
    with pytest.raises(InputError, match="spacing"):
        ChangeApplication(spacing=0)
