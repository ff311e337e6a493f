"""Rows as arrays that grow: what was handed out before does not change."""

from __future__ import annotations

import numpy as np

from aletheia.lifecycle.dashboard.rows import RowStore, hash_ids
from aletheia.lifecycle.prediction_log.reading import to_frame

from ..logs import START, traffic


def store_of(*parts, max_rows=10_000):
    store = RowStore(max_rows)
    for part in parts:
        store.append(to_frame(list(part)))
    return store


def test_rows_as_written():
    entries = list(traffic(3000))
    log, rows = to_frame(entries), store_of(entries[:1000], entries[1000:]).rows()
    assert len(rows) == 3000
    assert np.array_equal(rows.columns["probability"], log["probability"])
    assert np.allclose(rows.columns["luma"], log["luma"], rtol=1e-6)
    assert (rows.is_text("verdict", "fake") == (log["verdict"] == "fake")).all()
    assert not rows.is_text("verdict", "never said").any()
    assert rows.columns["time"][[0, -1]].tolist() == [START, START + 30 * 2999]
    assert (rows.columns["id"] == hash_ids(log["id"].tolist())).all()


def test_earlier_rows_stay():
    store = store_of(traffic(10))
    before = store.rows()
    kept = before.columns["probability"].copy()
    store.append(to_frame(list(traffic(5000, seed=1, version="b"))))
    assert len(before) == 10
    assert np.array_equal(before.columns["probability"], kept)
    assert set(store.rows().texts["version"]) == {"5d1f0c3a9b7e", "b"}
    store.append(to_frame([]))
    assert len(store.rows()) == 5010


def test_newest_are_kept():
    store = store_of(traffic(700), traffic(500, seed=1, start=START + 90_000), max_rows=1000)
    assert store.rows().columns["time"][0] == START + 30 * 200
    store.drop_before(START + 90_000)
    assert len(store.rows()) == 500
    store.drop_before(START + 900_000)
    assert len(store.rows()) == 0
    store.append(to_frame(list(traffic(3))))
    assert len(store.rows()) == 3
    assert len(store.rows().select(np.array([True, False, True]), ("time",)).columns) == 1
