"""Changes of traffic: which are found, in which words, and that quiet traffic raises none."""

from __future__ import annotations

import pandas as pd
import pytest

from aletheia.lifecycle.monitoring.drift import GROUPS, find_drift
from aletheia.lifecycle.prediction_log.reading import EMBEDDING

from ..logs import START, traffic


def test_quiet(log_of):
    drifts, compared = find_drift(log_of(traffic(1200)))
    assert (drifts, compared) == ([], {"5d1f0c3a9b7e": 1200})


@pytest.mark.parametrize(
    ("moved", "group", "column"),
    [
        ({"sharpness": -2.0}, "the pictures", "sharpness"),
        ({"face_size": 2.0}, "the pictures", "face_size"),
        ({"embedding": 1.5}, "what the network sees in the faces", None),
        ({"probability": 1.5}, "the answers", "probability"),
    ],
)
def test_changes(log_of, moved, group, column):
    log = log_of(traffic(500), traffic(300, seed=1, start=START + 15_000, **moved))
    drift = find_drift(log)[0][0]
    assert drift.group == group
    assert drift.column == column or (column is None and drift.column in EMBEDDING)
    assert abs((pd.Timestamp(drift.since).timestamp() - START - 15_000) / 30) < 60  # answers
    assert drift.answers < 150
    assert pd.Timestamp(drift.noticed) > pd.Timestamp(drift.since)


def test_words(log_of):
    log = log_of(traffic(500), traffic(300, seed=1, start=START + 15_000, face_size=3.0))
    drift = find_drift(log)[0][0]
    assert drift.before == pytest.approx(168, rel=0.1)  # mean of the log-normal, exp(5 + .5 / 8)
    assert drift.after == pytest.approx(168 * 4.48, rel=0.3)
    assert "the size of the faces (pixels) is" in drift.sentence
    assert drift.sentence in drift.to_dict()["sentence"]


def test_each_version_by_itself(log_of):
    """A new version that sees or answers otherwise is no change of the old one, nor of itself."""
    other = traffic(400, seed=2, start=START + 15_000, version="b", probability=2.0, embedding=3.0)
    drifts, compared = find_drift(log_of(traffic(500), other))
    assert drifts == []
    assert compared == {"5d1f0c3a9b7e": 500, "b": 400}


def test_answers_in_a_row_count_once(log_of):
    """Eighty pictures of one caller within a minute are no change of the world."""
    burst = traffic(80, seed=3, start=START + 9_000, every=0.5, luma=4.0)
    log = log_of(traffic(300), burst, traffic(300, seed=1, start=START + 9_100))
    drifts, compared = find_drift(log)
    assert drifts == []
    assert compared["5d1f0c3a9b7e"] < 612
    assert find_drift(log, spacing=0.01)[0] != []


def test_columns_are_in_one_group_each():
    names = [name for group in GROUPS.values() for name in group]
    assert len(names) == len(set(names))
