"""Numbers of intervals, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.lifecycle.dashboard.period import Period
from aletheia.lifecycle.dashboard.rows import RowStore
from aletheia.lifecycle.dashboard.series import OTHERS, Placed, count_texts, divide, place_rows
from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.prediction_log.reading import to_frame


def rows_at(times, **columns):
    entries = [
        LogEntry(float(time), str(n), "v", "u", **{name: values[n] for name, values in columns.items()})
        for n, time in enumerate(times)
    ]
    store = RowStore(10_000)
    store.append(to_frame(entries))
    return store.rows()


@pytest.mark.parametrize("in_order", [True, False])
def test_quantiles_and_means(in_order):
    rng = np.random.default_rng(0)
    place = rng.integers(0, 40, 1500)
    place = np.sort(place) if in_order else place
    place = place[place != 7]
    values = np.where(rng.random(len(place)) < 0.1, np.nan, rng.exponential(100, len(place)))
    placed = Placed(rows_at([]), place, 41)
    by_pandas = pd.Series(values).groupby(place)
    for share, found in zip((0.0, 0.5, 0.95, 1.0), placed.quantiles(values, (0.0, 0.5, 0.95, 1.0)), strict=True):
        expected = by_pandas.quantile(share).reindex(range(41))
        np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(placed.mean(values), by_pandas.mean().reindex(range(41)))
    assert np.isnan(placed.mean(values)[[7, 40]]).all()


def test_edges_of_the_period():
    """The begin belongs to it, the end does not; rows need not come in order."""
    period = Period("hour", 1000.0, 1600.0, 60.0, False)
    placed = place_rows(rows_at([999.9, 1000, 1059.9, 1060, 1599.9, 1600, 1001, 5]), period)
    assert placed.place.tolist() == [0, 0, 1, 9, 0]
    assert placed.intervals == 10
    assert len(place_rows(rows_at([5.0]), period).rows) == 0
    assert len(place_rows(rows_at([]), period).rows) == 0


def test_rare_texts_are_put_together():
    errors = ["a"] * 5 + ["b"] * 4 + [f"rare {n}" for n in range(6)] + [""] * 3
    period = Period("hour", 0.0, 180.0, 10.0, False)
    placed = place_rows(rows_at(range(0, 180, 10), error=errors), period)
    counts = count_texts(placed, "error", ~placed.rows.is_text("error", ""), most=3)
    assert {name: int(values.sum()) for name, values in counts.items()} == {"a": 5, "b": 4, "rare 0": 1, OTHERS: 5}
    assert counts["a"].tolist() == [1] * 5 + [0] * 13


def test_divide():
    np.testing.assert_array_equal(divide(np.array([1, 0]), np.array([2, 0])), [0.5, np.nan])
