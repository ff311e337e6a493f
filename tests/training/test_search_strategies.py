"""Strategies of a search: which points they train."""

from __future__ import annotations

import itertools
import math
import sys

import pytest

from aletheia.core.errors import InputError
from aletheia.training.search_space import parse_space
from aletheia.training.search_strategies import OWN_SEARCHES, SearchStrategy, find_search, register_search

SPACE = parse_space({"rate": [1e-3, 1e-2], "size": [8, 16], "name": ["a", "b", "c"]})
RANGES = parse_space({"rate": ["1e-4..1e-1"], "size": ["8..64"], "name": ["a", "b"]})


@pytest.mark.parametrize("name", ["exhaustive", "halving"])
def test_exhaustive_points(name):
    points = find_search(name).points(SPACE, 3, 0)
    assert [tuple(point.values()) for point in points] == list(itertools.product(*SPACE.values()))


def test_list_points():
    space = {"rate": [1e-3, 1e-2], "size": [8, 16]}
    assert find_search("list").points(space, 9, 0) == [{"rate": 1e-3, "size": 8}, {"rate": 1e-2, "size": 16}]
    with pytest.raises(InputError, match="rate 2, size 2, name 3"):
        find_search("list").check(SPACE)


def test_random_points():
    search = find_search("random")
    points = search.points(RANGES, 200, 1)
    assert points == search.points(RANGES, 200, 1) != search.points(RANGES, 200, 2)
    assert all(1e-4 <= p["rate"] <= 1e-1 and type(p["size"]) is int and 8 <= p["size"] <= 64 for p in points)
    below = sum(p["rate"] < 10**-2.5 for p in points)
    assert 70 < below < 130  # half of them, by logarithm
    few = search.points(SPACE, 50, 0)
    assert len(few) == 12 and len({tuple(p.values()) for p in few}) == 12


def descend(seed: int, trials: int = 25):
    """Search the lowest place of a bowl; returns the points with their costs."""
    finished = []
    for _ in range(trials):
        point = find_search("optuna").suggest(RANGES, finished, seed)
        cost = abs(math.log10(point["rate"]) + 2) + abs(math.log2(point["size"]) - 5) + (point["name"] == "a")
        finished.append((point, math.inf if point["size"] > 60 else cost))
    return finished


def test_optuna_learns_from_results_and_repeats_itself():
    first = descend(0)
    assert first == descend(0)
    assert all(type(point["size"]) is int for point, _ in first)
    late = [sum(cost for _, cost in descend(seed)[15:] if cost < math.inf) / 10 for seed in range(6)]
    early = [sum(cost for _, cost in descend(seed)[:5] if cost < math.inf) / 5 for seed in range(6)]
    assert sum(late) < 0.6 * sum(early)  # .49 measured; the last digits of a suggestion depend on the processor


def test_optuna_suggests_values_of_lists_in_any_order():
    space = {"size": [32, 8, 16], "name": ["x", None, True]}
    points = [find_search("optuna").suggest(space, [({"size": 8, "name": None}, 0.1)], seed) for seed in range(20)]
    assert {point["size"] for point in points} == {8, 16, 32} and {point["name"] for point in points} == {
        "x",
        None,
        True,
    }


def test_optuna_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"pip install 'aletheia\[search\]'"):
        find_search("optuna").check(SPACE)


def test_find_search_unknown():
    with pytest.raises(InputError, match=r"no search 'grid'\. There are: exhaustive, halving, list, optuna, random"):
        find_search("grid")


def test_register_search_refuses_a_name_that_is_taken():
    class Other(SearchStrategy):
        name, description = "list", "something else"

    with pytest.raises(InputError, match="two implementations of the search 'list'"):
        register_search(Other)
    assert [search.name for search in OWN_SEARCHES] == ["exhaustive", "halving", "list", "random", "optuna"]
