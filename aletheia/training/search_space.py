"""Columns of a search: the values, or the range of values, that each of them may take."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aletheia.core.errors import InputError

#: One value a column.
Point = dict[str, Any]
_RANGE = re.compile(r"\s*([^.\s][^\s]*?)\s*\.\.\s*(\S+)\s*")


@dataclass(frozen=True)
class Range:
    """Values from ``low`` to ``high``, both among them; drawn evenly by their logarithms where ``low`` is above 0.

    Attributes
    ----------
    low, high : int or float
        When both are whole numbers, so are the values.
    """

    low: float
    high: float

    @property
    def is_whole(self) -> bool:
        """Return whether the values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def at(self, share: float) -> float:
        """Return the value at a share, 0 to 1, of the way."""
        if self.is_whole:  # each whole number as wide as the next, on the scale that is used
            low, high = self.low - (0 if self.low > 0 else 0.5), self.high + (1 if self.low > 0 else 0.5)
        else:
            low, high = self.low, self.high
        value = math.exp(math.log(low) + share * math.log(high / low)) if low > 0 else low + share * (high - low)
        if not self.is_whole:
            return value
        value = math.floor(value) if self.low > 0 else round(value)
        return min(max(int(value), int(self.low)), int(self.high))


#: The values of each column.
Space = dict[str, list[Any] | Range]


def parse_space(columns: Mapping[str, list[Any]]) -> Space:
    """Read the columns of a search.

    Parameters
    ----------
    columns : mapping of str to list
        Values, or one text ``"LOW..HIGH"``: a range. Texts that are numbers become numbers, whole ones whole numbers.

    Raises
    ------
    InputError
        For a column without values, or a range that is none.
    """
    return {name: _parse_column(name, list(values)) for name, values in columns.items()}


def _parse_column(name: str, values: list[Any]) -> list[Any] | Range:
    values = [_number(value) for value in values]
    if not values:
        raise InputError(f"The column {name!r} of the search has no values; give at least one.")
    match = _RANGE.fullmatch(values[0]) if len(values) == 1 and isinstance(values[0], str) else None
    if match is None:
        return values
    low, high = map(_number, match.groups())
    if isinstance(low, str) or isinstance(high, str) or not low < high:
        raise InputError(f"columns: {name}={values[0]} is no range; write LOW..HIGH, as in 1e-4..1e-2.")
    return Range(low, high)


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value.strip()


def count_points(space: Space) -> float:
    """Count the points of a space; infinite with a range of fractions."""
    sizes = (
        len(values) if not isinstance(values, Range) else values.high - values.low + 1 if values.is_whole else math.inf
        for values in space.values()
    )
    return math.prod(sizes)


def parse_point(value: Any) -> Point:
    """Read the values of a search's best cell: a mapping, or the JSON text that the search logs; empty without one.

    Raises
    ------
    InputError
        For anything else.
    """
    if value in (None, ""):
        return {}
    try:
        point = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        point = None
    if not isinstance(point, Mapping):
        raise InputError(f'best: {value!r:.80} is no dictionary of values, as in {{"learning_rate": 0.003}}.')
    return dict(point)
