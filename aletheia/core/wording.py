"""Numbers in sentences."""

from __future__ import annotations

import math


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number and its noun as a sentence has them.

    Parameters
    ----------
    count : int
    noun : str
        For one.
    plural : str
        For none and several; by default the noun with an s.

    Examples
    --------
    >>> counted(1, "file"), counted(2000, "file"), counted(0, "person", "people")
    ('1 file', '2,000 files', '0 people')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def p_text(p: float, digits: int = 3) -> str:
    """Return a p-value as a sentence or a table has it: none is ever 0.

    Parameters
    ----------
    p : float
        0 to 1; NaN gives a dash.
    digits : int
        Decimal places.

    Examples
    --------
    >>> p_text(0.0412), p_text(0.0002), p_text(0.0002, digits=4)
    ('0.041', '< 0.001', '0.0002')
    """
    if math.isnan(p):
        return "–"
    least = 10.0**-digits
    return f"{p:.{digits}f}" if p >= least else f"< {least:.{digits}f}"
