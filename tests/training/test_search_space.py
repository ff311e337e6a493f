"""Columns of a search: values and ranges."""

from __future__ import annotations

import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.training.search_space import Range, count_points, parse_point, parse_space


def test_parse_space():
    space = parse_space({"a": ["1", "0.5", "sgd"], "b": ["1e-4..1e-2"], "c": ["8..64"], "d": [0.1, 2]})
    assert space == {"a": [1, 0.5, "sgd"], "b": Range(1e-4, 1e-2), "c": Range(8, 64), "d": [0.1, 2]}
    assert type(space["a"][0]) is int and space["c"].is_whole and not space["b"].is_whole


@pytest.mark.parametrize(("values", "says"), [([], "no values"), (["2..1"], "no range"), (["a..b"], "no range")])
def test_parse_space_refuses(values, says):
    with pytest.raises(InputError, match=says):
        parse_space({"x": values})


def test_count_points():
    assert count_points(parse_space({"a": [1, 2], "b": ["3..5"]})) == 6
    assert count_points(parse_space({"a": ["0.1..0.2"]})) == float("inf")


@pytest.mark.parametrize(("low", "high"), [(1, 3), (0, 2), (-2, 2), (8, 9)])
def test_range_gives_every_whole_number_and_no_other(low, high):
    values = {Range(low, high).at(share) for share in np.linspace(0, 1, 2001)}
    assert values == set(range(low, high + 1)) and all(type(value) is int for value in values)


def test_range_is_even_by_logarithm():
    assert Range(1e-4, 1e-2).at(0.5) == pytest.approx(1e-3)
    assert Range(0.0, 4.0).at(0.25) == 1.0


@pytest.mark.parametrize("value", [{"a": 1}, '{"a": 1}'])
def test_parse_point(value):
    assert parse_point(value) == {"a": 1} and parse_point(None) == parse_point("") == {}


@pytest.mark.parametrize("value", ["[1]", "a=1", 3])
def test_parse_point_refuses(value):
    with pytest.raises(InputError, match="no dictionary"):
        parse_point(value)
