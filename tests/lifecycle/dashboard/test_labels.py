"""Accuracy on labelled answers, counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.stats import binomtest

from aletheia.core.errors import InputError
from aletheia.lifecycle.dashboard.labels import labelled_accuracy
from aletheia.lifecycle.dashboard.parts import view_of
from aletheia.lifecycle.dashboard.period import choose_period
from aletheia.lifecycle.dashboard.tables import accuracy
from aletheia.lifecycle.feedback.statement import Evaluation

from ..logs import VERSION, traffic
from .conftest import NOW, labels_of

DAY = choose_period("day", None, NOW)


def test_rates(watch_of):
    entries = [*traffic(200, start=NOW - 80_000, every=300), *traffic(50, seed=1, start=NOW - 9_000, version="b")]
    watch = watch_of(entries)
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(entries))[:120]
    truth = rng.integers(0, 2, 120)
    labels = labels_of([*(entries[n].id for n in chosen), "of no answer"], [*truth, 1])
    found = labelled_accuracy(watch.follower.rows(), DAY, labels)
    said = [entries[n].verdict for n in chosen]
    right = sum(verdict == ("real", "fake")[label] for verdict, label in zip(said, truth, strict=True))
    decided = sum(verdict != "cannot tell" for verdict in said)
    low, high = binomtest(right, decided).proportion_ci(method="wilson")
    assert found["total"]["right"] == pytest.approx(
        {"value": right / decided, "low": low, "high": high, "n": decided}, abs=1e-3
    )  # answers about one picture count once: almost Wilson's
    missed = [verdict for verdict, label in zip(said, truth, strict=True) if label and verdict != "cannot tell"]
    assert found["total"]["missed"]["value"] == missed.count("real") / len(missed)
    alarms = [verdict for verdict, label in zip(said, truth, strict=True) if not label and verdict != "cannot tell"]
    assert found["total"]["false_alarms"]["value"] == alarms.count("fake") / len(alarms)
    assert found["labels"] == 120
    assert found["total"]["undecided"] == 120 - decided
    assert sum(version["right"]["n"] for version in found["versions"]) == decided
    assert all(version["expected"] is None for version in found["versions"])


def test_worse_than_its_evaluation(watch_of):
    """A version that was right in 95 of 100 calls fakes genuine: since the first of them, and it alone."""
    entries = [
        *traffic(300, start=NOW - 80_000, every=100),
        *traffic(300, seed=1, start=NOW - 40_000, probability=-1.0),
    ]
    entries += traffic(50, seed=2, start=NOW - 9_000, version="b")
    truth = [int(entry.verdict == "fake") for entry in entries[:300]] + [1] * 350
    labels = labels_of([entry.id for entry in entries], truth)
    evaluations = {VERSION: Evaluation(VERSION, 0.05, 0.05)}
    watch = watch_of(entries, labels=lambda: (labels, evaluations))
    first, second = watch.summary("day")["labels"]["versions"]
    assert first["expected"] == pytest.approx(0.95)
    since = datetime.fromisoformat(first["worse_since"]).timestamp()
    assert abs(since - (NOW - 40_000)) < 1000
    assert (second["version"], second["expected"], second["worse_since"]) == ("b", None, None)
    assert "worse since" in accuracy(view_of(watch.summary("day"), UTC, ""))


def test_none(watch_of):
    watch = watch_of(traffic(10, start=NOW - 3_000))
    empty = labels_of([], [])
    assert labelled_accuracy(watch.follower.rows(), DAY, empty)["labels"] == 0
    assert watch.summary("day")["labels"] is None  # nobody collects any


def test_labels_that_cannot_be_read(watch_of):
    def fail():
        raise InputError("feedback.sqlite is damaged.")

    labels = watch_of(traffic(10, start=NOW - 3_000), labels=fail).summary("day")["labels"]
    assert (labels["problem"], labels["labels"]) == ("feedback.sqlite is damaged.", 0)
