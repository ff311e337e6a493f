"""Pydantic's errors in one sentence."""

from __future__ import annotations

from pydantic import ValidationError

_SHOWN = 5  # errors
_LONGEST_FIELD, _LONGEST_MESSAGE, _LONGEST_VALUE = 100, 200, 80  # characters; the values may come from strangers


def explain_validation(error: ValidationError, *, values: bool = False) -> str:
    """Name each field that does not fit and what it accepts, without a full stop at the end.

    Parameters
    ----------
    error : ValidationError
        Of any model.
    values : bool
        Also show what was given.
    """
    lines = []
    for entry in error.errors()[:_SHOWN]:
        field = ".".join(map(str, entry["loc"]))[:_LONGEST_FIELD] or "values"
        given = f" (given: {entry['input']!r:.{_LONGEST_VALUE}})" if values else ""
        lines.append(f"{field}: {entry['msg'][:_LONGEST_MESSAGE]}{given}")
    more = error.error_count() - _SHOWN
    return "; ".join(lines) + (f"; and {more} more" if more > 0 else "")
