"""The contact sheet shows pairs of every kind; how it is drawn, `test_swapping` looks at."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from aletheia.datasets.paired.sheet import Shown, choose_pairs


def pairs_of(titles: list[str]) -> list[Shown]:
    return [Shown(Path(f"{k}"), Path("fake"), np.zeros(4), None, None, title) for k, title in enumerate(titles)]


def test_kinds_that_take_turns_are_all_shown():
    """Every second of 23 pairs is of one method."""
    chosen = choose_pairs(pairs_of(["alpha", "poisson"] * 11 + ["alpha"]), 12)
    assert Counter(pair.title for pair in chosen) == {"alpha": 6, "poisson": 6}
    assert [int(pair.real.name) for pair in chosen] == sorted({int(pair.real.name) for pair in chosen})
    assert (chosen[0].real.name, chosen[-1].real.name) == ("0", "22")


@pytest.mark.parametrize("count", [1, 3, 12, 200])
def test_pairs_of_one_kind_are_spread_evenly(count):
    numbers = [int(pair.real.name) for pair in choose_pairs(pairs_of(["x"] * count), 12)]
    assert len(numbers) == len(set(numbers)) == min(count, 12) and numbers[0] == 0 and numbers[-1] == count - 1


def test_a_rare_kind_leaves_its_places_to_the_others():
    chosen = choose_pairs(pairs_of(["x"] * 30 + ["y"] * 2 + ["z"] * 30), 12)
    assert Counter(pair.title for pair in chosen) == {"x": 5, "y": 2, "z": 5}
