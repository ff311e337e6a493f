from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from aletheia.stats.cells import count_cells


@pytest.mark.parametrize(("offset", "n_values", "table"), [(0, 4, 1 << 22), (0, 4, 12), (10**12, 4, 12), (0, 9000, 12)])
def test_count_cells_agrees_with_pandas(
    offset: int, n_values: int, table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aletheia.stats.cells._TABLE", table)  # pairs at a time
    rng = np.random.default_rng(0)
    hits, codes, groups = rng.random(500) < 0.3, rng.integers(0, 4, 500), rng.integers(0, 60, 500)
    cells = count_cells(hits, codes, groups + offset, n_values)
    expected = pd.DataFrame({"hit": hits}).groupby([groups, codes])["hit"].agg(["size", "sum"])
    np.testing.assert_array_equal(cells.value, expected.index.get_level_values(1))
    np.testing.assert_array_equal(cells.group, expected.index.get_level_values(0))
    np.testing.assert_array_equal(np.stack([cells.size, cells.hit], axis=1), expected.to_numpy())
    first = cells.of_values(2)
    assert first.size.sum() == (codes < 2).sum()
    assert (first.n_values, first.value.max()) == (2, 1)


def test_count_cells_without_rows() -> None:
    none = np.empty(0, dtype=np.int64)
    cells = count_cells(none, none, none, 3)
    assert (len(cells.value), cells.n_values, cells.n_groups) == (0, 3, 0)


def test_blocks_count_their_own_groups_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aletheia.stats.cells._TABLE", 1 << 12)
    rows, n_values = 100_000, 30
    groups, codes = np.arange(rows) // 5, np.arange(rows) % n_values
    hits = codes > 5
    tracemalloc.start()
    cells = count_cells(hits, codes, groups, n_values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(cells.hit, hits)
    # The cells in pieces and joined, one block, and a mask of all rows; counts of all groups would take 10 MB more.
    assert peak < 2 * rows * (4 + 4 + 8 + 8) + 1_500_000
