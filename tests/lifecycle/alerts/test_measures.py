"""What rules measure in a log."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from aletheia.lifecycle.alerts.measures import measure
from aletheia.lifecycle.alerts.rules import DEFAULT_RULES, Rule
from aletheia.lifecycle.feedback.place import store_path
from aletheia.lifecycle.feedback.statement import ACCEPTED, Decision, Evaluation, Statement
from aletheia.lifecycle.feedback.store import FeedbackStore
from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.prediction_log.reading import read_log

from ..logs import START, VERSION, traffic

END = START + 100 * 30


def test_numbers(write_log):
    errors = [
        LogEntry(END - 60, f"e{n}", VERSION, "u", error=kind)
        for n, kind in enumerate(["internal", "bad_image", *["timeout"] * 2])
    ]
    log = write_log(traffic(100), errors)
    within = read_log(log, END - 600, END)
    p95 = measure(DEFAULT_RULES["slow"], log, END)
    assert p95.value == pytest.approx(np.quantile(within["ms_total"].dropna(), 0.95))
    assert f"at most {p95.value:.0f} ms" in p95.text
    failing = measure(DEFAULT_RULES["failing"], log, END)
    assert failing.value == pytest.approx(3 / 23)  # 20 answers in ten minutes, and three faults
    assert failing.text == "3 of 23 requests failed by the service's fault"
    more = DEFAULT_RULES["failing"].model_copy(update={"least_faults": 4})
    assert measure(more, log, END).value == 0  # fewer than that are chance
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


@pytest.fixture
def labelled(write_log):
    """Make a log of 100 answers whose first so many labels are wrong and accepted, the others right and accepted."""

    def make(wrong: int, of: int = 60, evaluated: bool = True):
        rows = [row for row in traffic(200) if row.verdict != "cannot tell"][:of]
        log = write_log(traffic(200))
        store = FeedbackStore(store_path(log.parent))
        for number, row in enumerate(rows):
            label = int((row.verdict == "fake") != (number >= of - wrong))
            said = Statement(row.id, "c", label, "own", row.time + 1)
            store.add(said, Evaluation(VERSION, 0.05, 0.05) if evaluated else None)
            store.decide([Decision(row.id, ACCEPTED, label, "own", row.time + 1, "ops", row.time + 2)])
        return log

    return make


def test_accuracy_drop(labelled):
    rule, end = DEFAULT_RULES["worse"], START + 200 * 30
    log = labelled(wrong=25)
    measured = measure(rule, log, end)
    assert measured.value > 0.5  # of the labels since it began
    assert "points less often than its evaluation lets expect (60 accepted labels)" in measured.text
    assert rule.is_bad(measured.value)
    assert measure(rule, log, START + 20 * 30).value is None


@pytest.mark.parametrize(
    ("made", "value", "text"),
    [
        ({"wrong": 3}, 0.0, "no worse than its evaluation"),
        ({"wrong": 9, "of": 20}, None, "20 labels of version"),
        ({"wrong": 25, "evaluated": False}, None, "was not evaluated"),
    ],
)
def test_accuracy_drop_is_not_shown(labelled, made, value, text):
    measured = measure(DEFAULT_RULES["worse"], labelled(**made), START + 200 * 30)
    assert measured.value == value
    assert text in measured.text
