"""Weights that make groups independent of the label."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.training.group_weights import MOST, group_weights


def table(counts):
    """Build rows from {(gender, label): count}."""
    rows = [(gender, label) for (gender, label), count in counts.items() for _ in range(count)]
    frame = pd.DataFrame(rows, columns=["gender", "y"])
    return frame, frame["y"].to_numpy(np.float32)


def test_group_weights_by_hand():
    frame, y = table({("f", 0): 10, ("f", 1): 30, ("m", 0): 20, ("m", 1): 20})
    weights = group_weights(frame, y, "gender")
    cells = frame.assign(w=weights).groupby(["gender", "y"])["w"].agg(["first", "sum"])
    # n(g) n(y) / (n n(g, y)): 40 * 30 / (80 * 10), 40 * 50 / (80 * 30), 40 * 30 / (80 * 20), 40 * 50 / (80 * 20)
    np.testing.assert_allclose(cells["first"], [1.5, 5 / 6, 0.75, 1.25], rtol=1e-6)
    np.testing.assert_allclose(cells["sum"], [15, 25, 15, 25], rtol=1e-6)  # the same share of fakes in both groups


def test_group_weights_unknown_groups_ages_and_limits():
    frame, y = table({("f", 0): 400, ("f", 1): 1, ("", 1): 399})
    weights = group_weights(frame, y, "gender")
    assert weights[y == 0].mean() == pytest.approx(1) and weights[y == 1].mean() == pytest.approx(1)
    rare, rest = weights[400], weights[401]
    # 401 * 400 / 800 is cut to the limit; the fakes of an unknown group have 399 * 400 / (800 * 399).
    assert rare / rest == pytest.approx(MOST / 0.5)
    ages = frame.assign(age=["31", "adult"] * 400)  # one bin, so nothing to weigh
    np.testing.assert_allclose(group_weights(ages, y, "age"), 1)
    np.testing.assert_array_equal(group_weights(frame, y, ""), 1)


def test_group_weights_refused():
    frame, y = table({("f", 0): 5, ("m", 1): 5})
    with pytest.raises(InputError, match="no group of gender has both"):
        group_weights(frame, y, "gender")
    with pytest.raises(InputError, match="the manifest has no column ethnicity"):
        group_weights(frame, y, "gender+ethnicity")
    with pytest.raises(InputError, match="'source' is no column of groups"):
        group_weights(frame, y, "source")
