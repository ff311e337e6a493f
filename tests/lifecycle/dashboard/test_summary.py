"""What the dashboard says of a month, counted again by pandas."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest

from aletheia.lifecycle.dashboard.period import PERIODS
from aletheia.lifecycle.dashboard.summary import SHOWN_STATISTICS, to_json_values
from aletheia.lifecycle.monitoring.drift import find_drift
from aletheia.lifecycle.monitoring.estimated_accuracy import estimate_accuracy
from aletheia.lifecycle.monitoring.traffic import FAULTS, VERDICTS, summarise_traffic
from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.prediction_log.reading import read_log

from ..logs import START, VERSION, traffic
from .conftest import NOW, labels_of
from .oracle import answered, column, faults, intervals, with_face


@pytest.mark.parametrize("name", PERIODS)
def test_intervals(watched, month_rows, name):
    summary = watched.summary(name)
    period, found = summary["period"], summary["intervals"]
    groups = intervals(month_rows, period["begin"], period["end"], period["interval"])
    count = len(found["begin"])
    assert groups

    def same(values, value, empty=0.0):
        mine = np.array([np.nan if v is None else v for v in values], dtype=float)
        np.testing.assert_allclose(mine, column(groups, count, value, empty), rtol=1e-5)

    same(found["answers"], lambda rows: len(answered(rows)))
    same(found["faults"], faults)
    same(found["p50"], lambda rows: answered(rows)["ms_total"].quantile(0.5), np.nan)
    same(found["p95"], lambda rows: answered(rows)["ms_total"].quantile(0.95), np.nan)
    for verdict in VERDICTS:
        same(found["verdicts"][verdict], lambda rows, v=verdict: (rows["verdict"] == v).sum())
    for error, values in found["errors"].items():
        same(values, lambda rows, e=error: (rows["error"] == e).sum())
    for share in (0.1, 0.5, 0.9):
        same(found[f"score_p{100 * share:.0f}"], lambda r, s=share: with_face(r)["probability"].quantile(s), np.nan)
    for statistic in SHOWN_STATISTICS:
        same(found["statistics"][statistic], lambda rows, s=statistic: rows[s].mean(), np.nan)
    for version, values in found["by_version"].items():

        def own(rows, v=version):
            return with_face(rows[rows["version"] == v])

        same(values["answers"], lambda rows, v=version: len(answered(rows[rows["version"] == v])))
        same(
            values["confidence"],
            lambda rows, f=own: np.maximum(f(rows).probability, 1 - f(rows).probability).mean(),
            np.nan,
        )
        same(values["abstention"], lambda rows, f=own: (f(rows)["verdict"] == "cannot tell").mean(), np.nan)


def test_totals_and_versions(watched, month_rows):
    summary = watched.summary("month")
    begin, end = summary["period"]["begin"], summary["period"]["end"]
    seconds = month_rows["time"].astype("int64") / 1e9
    rows = month_rows[(seconds >= begin) & (seconds < end)]
    total = summary["total"]
    assert total["requests"] == len(rows)
    assert total["errors"] == rows.loc[rows["error"] != "", "error"].value_counts().to_dict()
    hits, of = int(rows["error"].isin(FAULTS).sum()), int((rows["error"] == "").sum()) + faults(rows)
    low, high = binomtest(hits, of).proportion_ci(method="wilson")
    assert total["fault_rate"] == pytest.approx({"value": hits / of, "low": low, "high": high, "n": of})
    for mine, expected in zip(summary["versions"], summarise_traffic(rows), strict=True):
        for key in ("version", "release", "answers", "errors", "verdicts", "causes", "fault_rate", "abstention_rate"):
            assert mine[key] == expected[key], key
        assert mine["latency_ms"] == pytest.approx(expected["latency_ms"])
        assert mine["mean_probability"] == pytest.approx(expected["mean_probability"])
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_now(watched, month_rows):
    now = watched.summary("day")["now"]
    assert (now["version"], now["release"]) == ("c04e7b21f9aa", "v1.4.0")
    assert now["name"] == "v1.4.0 (c04e7b21f9aa)"
    assert now["last"] == pytest.approx(month_rows["time"].iloc[-1].timestamp())
    recent = (month_rows["time"].astype("int64") / 1e9 > NOW - 300).sum()
    assert now["requests_per_minute"] == recent / 5


def test_several_versions_now(watch_of):
    rows = [*traffic(60, start=START, every=2), *traffic(20, start=START, every=6, version="b", seed=1)]
    now = watch_of(rows, now=START + 118).summary("hour")["now"]
    assert now["shares"] == pytest.approx({"5d1f0c3a9b7e": 0.75, "b": 0.25})
    assert now["requests_per_minute"] == 80 / 5


def test_drift(watched, month_rows):
    """The same changes as `aletheia monitor` finds, and the incident is among them."""
    drift = watched.summary("month")["drift"]
    drifts, compared = find_drift(month_rows)
    assert [{k: v for k, v in change.items() if k != "words"} for change in drift["changes"]] == [
        {**d.to_dict()} for d in drifts
    ]
    assert drift["changes"][0]["column"] == "sharpness"
    assert drift["changes"][0]["version"] == "c04e7b21f9aa"
    last = drift["versions"]["5d1f0c3a9b7e"]
    assert last["compared"] == compared["5d1f0c3a9b7e"]  # nothing changed for the version before
    for version in drift["versions"].values():
        assert 0 <= sum(column["evidence"] for column in version["columns"].values()) < 1


def test_expected_accuracy_is_blind(watch_of):
    """Fakes that look genuine to the network: nearly all answers are wrong, and the estimate is high."""
    entries = list(traffic(300, every=10, start=NOW - 3100, probability=-1.0))
    labels = labels_of([entry.id for entry in entries], 1)
    summary = watch_of(entries, labels=lambda: (labels, {})).summary("hour")
    assert summary["labels"]["total"]["right"]["value"] < 0.1
    assert summary["expected"]["value"] > 0.85
    assert summary["expected"]["n"] == 300 - summary["total"]["verdicts"]["cannot tell"]


def test_expected_accuracy(watch_of):
    """Of the version that answered last, as the monitor estimates it from the log itself."""
    watch = watch_of(traffic(150, start=NOW - 3_000, every=10, version="a"), traffic(60, seed=1, start=NOW - 2_000))
    expected = watch.summary("hour")["expected"]
    log = read_log(watch.log)
    own = estimate_accuracy(log[log["version"] == VERSION])
    assert expected == pytest.approx({"name": VERSION, **own})
    assert expected["n"] < 60
    assert watch.summary("hour", NOW - 90_000)["expected"] is None


def test_roles_of_a_trial(watch_of):
    parts = [
        [entry._replace(role=role, other_version=other) for entry in traffic(20, start=NOW - 1_000, version=version)]
        for version, role, other in (("a", "champion", "b"), ("b", "challenger", "a"))
    ]
    summary = watch_of(*parts, traffic(5, start=NOW - 2_000, version="c")).summary("hour")
    assert {item["version"]: item["role"] for item in summary["versions"]} == {
        "a": "champion", "b": "challenger", "c": "",
    }  # fmt: skip


def test_empty_and_one_row(watch_of):
    empty = watch_of([]).summary("day")
    assert (empty["now"]["version"], empty["total"]["requests"], empty["versions"]) == (None, 0, [])
    assert empty["log"]["rows"] == 0
    one = watch_of([LogEntry(NOW - 5, "a", "v", "u", error="internal")]).summary("hour")
    assert one["total"]["fault_rate"]["value"] == 1.0
    assert one["total"]["latency_ms"] == {"p50": None, "p95": None, "p99": None}


def test_json_values():
    values = {"a": np.array([1.0, np.nan]), 2: (float("inf"), [None, "x"])}
    assert to_json_values(values) == {"a": [1.0, None], "2": [None, [None, "x"]]}
