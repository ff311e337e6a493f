"""Traffic of a log, counted again by plain pandas and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from aletheia.lifecycle.monitoring.traffic import FAULTS, VERDICTS, hourly, summarise_traffic, version_name
from aletheia.lifecycle.prediction_log.entry import LogEntry

from ..logs import START, traffic


def errors(*kinds: str, version: str = "5d1f0c3a9b7e"):
    return [LogEntry(START + 31 * n, f"e{n}", version, "uri", error=kind) for n, kind in enumerate(kinds)]


def test_summary(log_of):
    log = log_of(traffic(200), errors("bad_image", "internal", "timeout", "busy"), traffic(50, version="b", seed=1))
    first, second = summarise_traffic(log)
    own = log[(log["version"] == "5d1f0c3a9b7e") & (log["error"] == "")]
    assert (first["answers"], second["answers"]) == (200, 50)
    assert version_name(first) == first["version"]
    assert version_name({**first, "release": "v1.2.0"}) == f"v1.2.0 ({first['version']})"
    assert first["latency_ms"]["p95"] == pytest.approx(np.quantile(own["ms_total"], 0.95))
    assert first["errors"] == {"bad_image": 1, "internal": 1, "timeout": 1, "busy": 1}
    assert first["fault_rate"]["value"] == pytest.approx(2 / 202)  # neither a bad picture nor too many requests
    low, high = binomtest(2, 202).proportion_ci(method="wilson")
    assert (first["fault_rate"]["low"], first["fault_rate"]["high"]) == pytest.approx((low, high))
    assert first["verdicts"] == {name: int((own["verdict"] == name).sum()) for name in VERDICTS}
    assert first["causes"] == {"between": first["verdicts"]["cannot tell"]}
    assert first["abstention_rate"]["value"] == first["verdicts"]["cannot tell"] / 200
    assert first["answers_per_hour"] == pytest.approx(200 / (199 * 30 / 3600))


def test_errors_alone(log_of):
    (only,) = summarise_traffic(log_of(errors("internal")))
    assert only["latency_ms"] == {"p50": None, "p95": None, "p99": None}
    assert (only["fault_rate"]["value"], only["abstention_rate"], only["mean_probability"]) == (1.0, None, None)
    assert only["answers_per_hour"] is None
    assert summarise_traffic(log_of().iloc[:0]) == []


def test_faults_are_of_the_service():
    assert set(FAULTS) == {"internal", "model_failed", "no_space", "not_ready", "timeout"}


def test_hourly(log_of):
    log = log_of(traffic(240), errors("bad_image", "internal"), traffic(60, start=START + 4 * 3600))
    hours = hourly(log)
    assert hours["answers"].sum() == 300
    assert (hours["errors"].sum(), hours["faults"].sum()) == (2, 1)
    assert (hours[list(VERDICTS)].sum(axis=1) == hours["answers"]).all()
    empty = hours[hours["answers"] == 0]
    assert len(empty) >= 1  # an hour without traffic is there, with no time
    assert empty["p50"].isna().all()
    assert len(hourly(log, "600s")) > 5 * len(hours)
