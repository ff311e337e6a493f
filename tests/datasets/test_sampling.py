"""Drawing from a pool within cells, against counts worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.datasets.sampling import draw_matched, draw_per_source


def table(rows: list[tuple[int, float]], source: str | list[str] = "a") -> pd.DataFrame:
    """Rows of (width, JPEG quality)."""
    width, quality = zip(*rows, strict=True)
    columns = {"width": width, "height": width, "jpeg_quality": quality, "format": "jpeg", "chroma": "4:2:0"}
    return pd.DataFrame(columns).assign(source=source)


@pytest.fixture
def train():
    """Three small fakes of low quality beside one real one, and two large fakes of high quality."""
    return table([(100, 60.0)] * 4 + [(400, 90.0)] * 2)


FAKE = np.array([True, True, True, False, True, True])


def test_draw_matched_fills_each_cell(train):
    pool = table([(100, 61.0)] * 5 + [(400, 92.0)] * 5 + [(1600, 90.0)] * 5)
    notes: list[str] = []
    drawn = draw_matched(train, FAKE, pool, np.arange(15), 100, 0.5, np.random.default_rng(0), notes)
    # At an equal share 3 - 1 real rows are missing in the first cell, 2 - 0 in the second, none in the third.
    assert sorted(position // 5 for position in drawn) == [0, 0, 1, 1]
    assert notes == []


def test_draw_matched_takes_usable_rows_only_and_notes_the_lack(train):
    pool = table([(100, 61.0)] * 5 + [(400, 92.0)])
    notes: list[str] = []
    drawn = draw_matched(train, FAKE, pool, np.array([1, 3, 5]), 100, 0.5, np.random.default_rng(0), notes)
    assert sorted(drawn) == [1, 3, 5]
    assert notes[0].startswith("1 fakes' worth of real rows could not be matched")


def test_draw_matched_stops_at_the_target(train):
    pool = table([(100, 61.0)] * 5)
    assert len(draw_matched(train, FAKE, pool, np.arange(5), 1, 0.5, np.random.default_rng(0), [])) == 1


def test_draw_per_source(train):
    train = train.assign(source=["a", "a", "b", "a", "b", "c"])
    pool = table([(100, 60.0)] * 6, source=["a", "a", "b", "b", "b", "d"])
    notes: list[str] = []
    drawn = draw_per_source(train, FAKE, pool, np.arange(6), 0.5, np.random.default_rng(0), notes)
    # Source a has two fakes and one real row, b two fakes, c one fake and nothing in the pool.
    assert sorted(pool["source"].iloc[drawn]) == ["a", "b", "b"]
    assert notes == [
        "1 real rows are lacking in sources of which the pool has no more.",
        "Source 'd' of the pool was not used: no fake comes from it.",
    ]
