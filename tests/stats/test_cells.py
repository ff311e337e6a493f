from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.stats.cells import count_cells


@pytest.mark.parametrize("offset", [0, 10**12])
def test_count_cells_agrees_with_pandas(offset: int) -> None:
    rng = np.random.default_rng(0)
    hits, codes, groups = rng.random(500) < 0.3, rng.integers(0, 4, 500), rng.integers(0, 60, 500)
    cells = count_cells(hits, codes, groups + offset, 4)
    expected = pd.DataFrame({"hit": hits}).groupby([codes, groups])["hit"].agg(["size", "sum"])
    np.testing.assert_array_equal(cells.value, expected.index.get_level_values(0))
    np.testing.assert_array_equal(np.stack([cells.size, cells.hit], axis=1), expected.to_numpy())
    first = cells.of_values(2)
    assert first.size.sum() == (codes < 2).sum()
    assert (first.n_values, first.value.max()) == (2, 1)
