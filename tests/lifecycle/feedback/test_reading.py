"""Labels as a table: accepted ones; those that wait only where they are asked for and agree."""

from __future__ import annotations

import pandas as pd

from aletheia.lifecycle.feedback.place import store_path
from aletheia.lifecycle.feedback.reading import COLUMNS, read_labels
from aletheia.lifecycle.feedback.statement import ACCEPTED, REJECTED, Decision, Statement
from aletheia.lifecycle.feedback.store import FeedbackStore


def test_labels(tmp_path):
    store = FeedbackStore(store_path(tmp_path))
    for answer, caller, label, source, time in [
        ("accepted", "c1", 1, "own", 1000.0),
        ("accepted", "c2", 0, "other", 1001.0),  # contradicts what was accepted: changes nothing
        ("rejected", "c1", 1, "own", 1002.0),
        ("waiting", "c1", 0, "expert", 1003.0),
        ("waiting", "c2", 0, "own", 1004.0),
        ("contradicted", "c1", 0, "own", 1005.0),
        ("contradicted", "c2", 1, "own", 1006.0),
        ("half rejected", "c1", 0, "own", 1007.0),
        ("half rejected", "c2", 1, "credentials", 1008.0),
    ]:
        store.add(Statement(answer, caller, label, source, time))
    store.decide(
        [
            Decision("accepted", ACCEPTED, 1, "own", 1000.0, "ops", 2000.0),
            Decision("rejected", REJECTED, 1, "own", 1002.0, "ops", 2000.0),
            Decision("half rejected", REJECTED, 0, "own", 1007.0, "ops", 2000.0),
        ]
    )
    labels = read_labels(tmp_path)
    assert list(labels.columns) == list(COLUMNS)
    assert labels.to_dict("records") == [
        {"id": "accepted", "label": 1, "source": "own", "time": pd.Timestamp(1000, unit="s", tz="UTC")}
    ]
    assert labels["label"].dtype == "int64"
    every = read_labels(tmp_path, accepted=False)
    assert dict(zip(every["id"], every["label"], strict=True)) == {"accepted": 1, "waiting": 0, "half rejected": 1}
    assert every["id"].is_unique
    assert every["time"].is_monotonic_increasing


def test_no_store_is_no_label(tmp_path):
    labels = read_labels(tmp_path)
    assert len(labels) == 0
    assert list(labels.columns) == list(COLUMNS)
    assert str(labels["time"].dtype) == "datetime64[ns, UTC]"
    assert list(tmp_path.iterdir()) == []
