"""Labelled accuracy against scikit-learn and SciPy; the alarm's rate and delay in simulated streams."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix

from aletheia.lifecycle.feedback.statement import Evaluation
from aletheia.lifecycle.monitoring.labelled import (
    SELECTION_NOTE,
    accuracy_drop,
    judged_answers,
    label_findings,
    summarise_labels,
)

from ..logs import VERSION, traffic


def labels_of(ids, values, source: str = "own") -> pd.DataFrame:
    times = pd.to_datetime(np.arange(len(ids)) + 1.79e9, unit="s", utc=True)
    return pd.DataFrame({"id": list(ids), "label": list(values), "source": source, "time": times})


@pytest.fixture
def log(log_of):
    return log_of(traffic(400), traffic(50, seed=1, start=1_790_100_000.0, version="another"))


def test_numbers_of_other_libraries(log):
    rng = np.random.default_rng(0)
    chosen = log[log["version"] == VERSION].sample(250, random_state=0)
    labels = labels_of([*chosen["id"], "gone from the log"], [*rng.integers(0, 2, 250), 1])
    (one,) = summarise_labels(log, labels, {VERSION: Evaluation(VERSION, 0.1, 0.3)})
    joined = chosen.merge(labels, on="id")
    decided = joined[joined["verdict"].isin(["real", "fake"])]
    said = (decided["verdict"] == "fake").astype(int)
    assert one["accuracy"]["value"] == pytest.approx(accuracy_score(decided["label"], said))
    tn, fp, fn, tp = confusion_matrix(decided["label"], said).ravel()
    assert one["false_alarms"]["value"] == pytest.approx(fp / (fp + tn))
    assert one["misses"]["value"] == pytest.approx(fn / (fn + tp))
    for name, hits, of in [("accuracy", tn + tp, len(decided)), ("misses", fn, fn + tp)]:
        wilson = binomtest(int(hits), int(of)).proportion_ci(method="wilson")
        assert one[name]["n"] == of
        # Every picture is another: the interval for groups is that for rows, but for the factor k / (k - 1).
        assert (one[name]["low"], one[name]["high"]) == pytest.approx((wilson.low, wilson.high), abs=0.002)
    assert one["labels"] == 250
    assert one["no_verdict"] == 250 - len(decided)
    assert one["fake"] == (labels["label"][:250] == 1).sum()
    expected = np.where(decided["label"] == 1, 0.7, 0.9).mean()
    assert one["expected_accuracy"] == pytest.approx(expected)
    assert one["drop"] == pytest.approx(expected - one["accuracy"]["value"])
    answered = log[(log["version"] == VERSION) & log["verdict"].isin(["real", "fake"])]
    assert one["labelled_share"] == pytest.approx(len(decided) / len(answered))
    right = tn + tp
    assert one["bounds"] == pytest.approx(
        [right / len(answered), (right + len(answered) - len(decided)) / len(answered)]
    )


def test_one_picture_asked_again_tells_nothing_new(log_of):
    rows = [row for row in traffic(60) if row.verdict != "cannot tell"][:40]
    again = [rows[0]._replace(id=f"again-{n}", time=rows[-1].time + n) for n in range(200)]
    frame = log_of(rows, again)
    label = 1 if rows[0].verdict == "real" else 0
    labels = labels_of(frame["id"], [label] * len(frame))
    (one,) = summarise_labels(frame, labels)
    once = binomtest(round(one["accuracy"]["value"] * one["accuracy"]["n"]), one["accuracy"]["n"])
    narrow = once.proportion_ci(method="wilson")
    assert one["accuracy"]["high"] - one["accuracy"]["low"] > 1.5 * (narrow.high - narrow.low)
    drop = accuracy_drop(
        judged_answers(frame, labels_of([row.id for row in again], [label] * 200)), Evaluation("", 0.05, 0.05)
    )
    assert drop.since is None


def test_no_labels_and_no_verdicts(log):
    assert summarise_labels(log, labels_of([], [])) == []
    assert label_findings([]) == []
    unsure = log.loc[log["verdict"] == "cannot tell", "id"].head(3)
    (one,) = summarise_labels(log, labels_of(unsure, [1, 0, 1]))
    assert (one["labels"], one["no_verdict"], one["accuracy"], one["misses"]) == (3, 3, None, None)
    assert one["bounds"][0] == 0
    assert one["bounds"][1] == 1
    assert label_findings([one])[0] == (f"Version {VERSION}: 3 labels, none of an answer with a verdict.", "")


def stream(rng, chances_of_wrong: list[float]) -> pd.DataFrame:
    n = len(chances_of_wrong)
    return pd.DataFrame(
        {
            "time": pd.to_datetime(np.arange(n) * 3600.0, unit="s", utc=True),
            "label": rng.integers(0, 2, n),
            "wrong": rng.random(n) < np.array(chances_of_wrong),
            "probability": rng.random(n),
            **dict.fromkeys(("version", "kind"), "v"),
            **dict.fromkeys(("megapixels", "face_size", "luma", "sharpness"), 1.0),
        }
    )


def test_false_alarms_and_delay():
    """No worse than expected: fewer alarms than one in a run length. 25 points worse: noticed, and since when."""
    rng, evaluation, run_length = np.random.default_rng(0), Evaluation("v", 0.08, 0.08), 200.0
    quiet = [accuracy_drop(stream(rng, [0.08] * 200), evaluation, run_length) for _ in range(100)]
    assert sum(drop.since is not None for drop in quiet) <= 50
    found = [accuracy_drop(stream(rng, [0.08] * 100 + [0.33] * 100), evaluation) for _ in range(30)]
    assert sum(drop.since is not None for drop in found) >= 28
    since = [(drop.since - pd.Timestamp(0, tz="UTC")).total_seconds() / 3600 for drop in found if drop.since]
    assert 90 <= np.median(since) <= 112
    assert np.median([drop.value for drop in found if drop.since]) == pytest.approx(0.25, abs=0.08)


def test_over_when_it_is_over():
    rng, evaluation = np.random.default_rng(2), Evaluation("v", 0.08, 0.08)
    frame = stream(rng, [0.5] * 60 + [0.08] * 100)
    assert accuracy_drop(frame[:60], evaluation).value == pytest.approx(0.42, abs=0.15)
    assert accuracy_drop(frame, evaluation) == (0.0, None, 160)
    again = pd.concat([frame, stream(rng, [0.5] * 60)], ignore_index=True)
    assert accuracy_drop(again, evaluation).since is not None


def test_another_mix_is_no_drop():
    """Misses are frequent and false alarms rare: that fakes alone are labelled now is no change for the worse."""
    rng = np.random.default_rng(1)
    frame = stream(rng, [0.3] * 300).assign(label=1)
    assert accuracy_drop(frame, Evaluation("v", 0.02, 0.3)).since is None
    assert accuracy_drop(frame, Evaluation("v", 0.02, 0.02)).since is not None


def test_sentences(log):
    chosen = log[(log["version"] == VERSION) & log["verdict"].isin(["real", "fake"])]
    wrong = labels_of(chosen["id"], (chosen["verdict"] == "real").astype(int))
    summaries = summarise_labels(log, wrong, {VERSION: Evaluation(VERSION, 0.05, 0.1)})
    (sentence, kind), note = label_findings(summaries)
    assert kind == "bad"
    assert "0.0% (0.0% to" in sentence
    assert "UTC it is worse than that" in sentence
    assert note == (SELECTION_NOTE, "")
