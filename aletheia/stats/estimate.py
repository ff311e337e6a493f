"""A value with its interval, and the one way in which both are written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UNDEFINED = "not defined"
_NAN = float("nan")


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, in one unit; NaN where it is not defined (one class only, nothing called fake).

    ``f"{estimate:.3f}"`` reads ``0.980 (0.966 to 0.993)``: the format of one number is applied to all three.

    Attributes
    ----------
    value : float
        The estimate.
    low, high : float
        Limits of its interval; NaN when there is none.
    n : int, optional
        Rows behind it, where that is known.
    """

    value: float
    low: float = _NAN
    high: float = _NAN
    n: int | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], key: str = "value") -> Estimate:
        """Read a dictionary of `key`, low and high, such as `to_dict` writes; None stands for NaN."""
        return cls(_number(values.get(key)), _number(values.get("low")), _number(values.get("high")))

    @classmethod
    def from_columns(cls, row: Mapping[str, Any], name: str) -> Estimate:
        """Read the columns `name`, `name`_low and `name`_high of a table's row; None stands for NaN."""
        return cls(_number(row.get(name)), _number(row.get(f"{name}_low")), _number(row.get(f"{name}_high")))

    @property
    def is_defined(self) -> bool:
        """Whether there is a value."""
        return math.isfinite(self.value)

    @property
    def has_interval(self) -> bool:
        """Whether there is a value with an interval."""
        return self.is_defined and math.isfinite(self.low)

    def to_dict(self) -> dict[str, float | None]:
        """Return value, low and high for JSON, None for NaN."""
        values = {"value": self.value, "low": self.low, "high": self.high}
        return {name: float(value) if math.isfinite(value) else None for name, value in values.items()}

    def to_columns(self, name: str) -> dict[str, float]:
        """Return the columns `name`, `name`_low and `name`_high of a table."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}

    def text(self, spec: str = ".3f", undefined: str = UNDEFINED) -> str:
        """Write the value and, where there is one, its interval.

        Parameters
        ----------
        spec : str
            Format of each number: ``.3f``, ``.1%``, ``,.0f``.
        undefined : str
            Text in place of a value that is not defined.
        """
        if not self.is_defined:
            return undefined
        number = format(self.value, spec)
        return f"{number} ({self.interval(spec)})" if self.has_interval else number

    def interval(self, spec: str = ".3f", undefined: str = "–") -> str:
        """Write the interval alone, ``0.966 to 0.993``; `undefined` without one."""
        return f"{self.low:{spec}} to {self.high:{spec}}" if self.has_interval else undefined

    def __format__(self, spec: str) -> str:
        return self.text(spec or ".3f")

    def __str__(self) -> str:
        return self.text()


def _number(value: float | None) -> float:
    return _NAN if value is None else float(value)
