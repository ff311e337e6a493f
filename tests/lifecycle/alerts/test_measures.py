"""What rules measure in a log."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from aletheia.lifecycle.alerts.measures import measure
from aletheia.lifecycle.alerts.rules import DEFAULT_RULES, Rule
from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.prediction_log.reading import read_log

from ..logs import START, VERSION, traffic

END = START + 100 * 30


def test_numbers(write_log):
    errors = [LogEntry(END - 60, f"e{n}", VERSION, "u", error=kind) for n, kind in enumerate(["internal", "bad_image"])]
    log = write_log(traffic(100), errors)
    within = read_log(log, END - 600, END)
    p95 = measure(DEFAULT_RULES["slow"], log, END)
    assert p95.value == pytest.approx(np.quantile(within["ms_total"].dropna(), 0.95))
    assert f"at most {p95.value:.0f} ms" in p95.text
    failing = measure(DEFAULT_RULES["failing"], log, END)
    assert failing.value == pytest.approx(1 / 21)  # 20 answers in ten minutes, and one fault
    assert failing.text == "1 of 21 requests failed by the service's fault"
    assert measure(DEFAULT_RULES["silent"], log, END).value == 100
    assert measure(DEFAULT_RULES["silent"], log, END + 7200).value == 0


def test_too_few_to_judge(write_log):
    log = write_log(traffic(5), [LogEntry(START, "e", VERSION, "u", error="bad_image")])
    assert measure(DEFAULT_RULES["slow"], log, START + 300).value is None
    refused = [LogEntry(START + 5000, f"r{n}", VERSION, "u", error="bad_image") for n in range(30)]
    log = write_log(refused)
    for name in ("slow", "failing"):
        assert measure(DEFAULT_RULES[name], log, START + 5010).value is None


def test_changes(write_log):
    log = write_log(traffic(400), traffic(100, seed=1, start=START + 12_000, luma=4.0))
    end = START + 15_000
    changed = measure(DEFAULT_RULES["changed"], log, end)
    assert changed.value == 1
    assert "brightness of the faces" in changed.text
    assert measure(DEFAULT_RULES["changed"], log, START + 12_000).value == 0
    assert measure(DEFAULT_RULES["changed"], log, end + 2 * 86_400).value == 0  # noticed longer ago


def test_disk(write_log, tmp_path):
    free = measure(Rule(metric="disk_free_bytes", limit=1, below=True), write_log(traffic(1)))
    assert free.value == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.2)
