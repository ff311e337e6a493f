"""Spans of time as people write them."""

from __future__ import annotations

import re

_SPAN = re.compile(r"(\d{1,9})\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_span(text: str) -> float:
    """Turn a span of time into seconds.

    Raises
    ------
    ValueError
        For a text that is no span, or one of no length.

    Examples
    --------
    >>> parse_span("90m"), parse_span("2 d")
    (5400.0, 172800.0)
    """
    match = _SPAN.fullmatch(text.strip().lower())
    if not match or not int(match[1]):
        raise ValueError(f"{text!r} is no span of time; give a number and s, m, h or d, as in 24h")
    return float(int(match[1]) * _SECONDS[match[2]])


def format_span(seconds: float) -> str:
    """Write a span of time in its largest unit that fits, rounded down.

    Examples
    --------
    >>> format_span(5400), format_span(200_000), format_span(0)
    ('1h', '2d', '0s')
    """
    unit = next((unit for unit in "dhm" if seconds >= _SECONDS[unit]), "s")
    return f"{int(seconds // _SECONDS[unit])}{unit}"
