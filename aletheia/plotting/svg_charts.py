"""Charts over time as SVG, for pages that redraw themselves: no script draws them, and no library has to be loaded.

Sizes across are in per cent and the curves' strokes do not scale, so that one drawing fits a phone as well as a desk;
its texts keep their size. Colours are classes (``c0`` …), which the page's style sheet gives for light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from aletheia.core.arrays import Array

#: Pixels of the area of the curves, and of the labels below it.
HEIGHT, FOOT = 150, 22
_STEPS = (1, 2, 2.5, 5, 10)
_GRID_LINES = 3
_LETTERS = 18  # of a mark's label
_LETTER, _GAP = 0.027, 0.02  # of the width, as on a chart of 300 pixels, the narrowest (a phone): 8 and 6 pixels
_BAR = 0.84  # of an interval's width


class Series(NamedTuple):
    """A curve, or one layer of stacked bars.

    Attributes
    ----------
    name : str
    values : ndarray
        (intervals,), NaN where unknown.
    style : str
        Classes of the style sheet.
    """

    name: str
    values: Array
    style: str


class Mark(NamedTuple):
    """A moment: a line with a label, at a share of the width from the left (0 to 1)."""

    at: float
    label: str
    style: str = "switch"


class Stretch(NamedTuple):
    """A span of time that is shaded, in shares of the width."""

    begin: float
    end: float
    label: str
    style: str = "firing"


class Axis(NamedTuple):
    """Labels of the time axis, at shares of the width, and what happened when.

    Attributes
    ----------
    ticks : sequence of (float, str)
    marks, stretches : sequence
    """

    ticks: Sequence[tuple[float, str]]
    marks: Sequence[Mark] = ()
    stretches: Sequence[Stretch] = ()


class _Scale(NamedTuple):
    """The vertical axis: from the bottom to the top of a drawing of 100 units."""

    bottom: float
    top: float

    def y(self, value: float) -> float:
        """Return the place of a value, 0 at the top and 100 at the bottom."""
        return 100 - 100 * min(max((value - self.bottom) / (self.top - self.bottom), 0.0), 1.0)

    def pixels(self, value: float) -> float:
        """Return the same in pixels."""
        return self.y(value) / 100 * HEIGHT

    def level(self, value: float) -> str:
        """Return the attributes of a horizontal line."""
        return f'y1="{self.pixels(value):.1f}" y2="{self.pixels(value):.1f}"'


def line_chart(
    series: Sequence[Series],
    axis: Axis,
    label: str,
    *,
    top: float | None = None,
    unit: str = "",
    bottom: float = 0.0,
    band: tuple[Array, Array] | None = None,
    limit: float | None = None,
) -> str:
    """Draw curves over equal intervals.

    Parameters
    ----------
    series : sequence of Series
    axis : Axis
    label : str
        What the drawing shows, for those who do not see it.
    top : float, optional
        End of the vertical axis; default: what the values need.
    unit : str
        Behind the numbers of the vertical axis; "%" for shares of 1.
    bottom : float
        Beginning of the vertical axis.
    band : tuple of ndarray, optional
        Lower and upper edge of an area that is shaded.
    limit : float, optional
        A line across.
    """
    highest = max([0.0, *(_highest(item.values) for item in series), *([_highest(band[1])] if band else [])])
    top = top or _round_up(max(highest, (limit or 0.0) if highest > (limit or 0.0) / 3 else 0.0))
    scale = _Scale(bottom, top)
    parts = [_area(*band, scale)] if band else []
    parts += [f'<path class="line {escape(item.style)}" d="{_path(item.values, scale)}"/>' for item in series]
    across = f'<line class="limit" x1="0" x2="100%" {scale.level(limit)}/>' if limit and limit <= top else ""
    return _chart(parts, axis, label, scale, unit, across)


def bar_chart(series: Sequence[Series], axis: Axis, label: str, *, top: float | None = None, unit: str = "") -> str:
    """Draw stacked bars over equal intervals; see `line_chart` for the parameters."""
    table = np.nan_to_num(np.array([item.values for item in series], dtype=float))
    intervals = table.shape[1] if series else 0
    scale = _Scale(0.0, top or _round_up(float(table.sum(axis=0).max(initial=0.0))))
    parts = []
    base = np.zeros(intervals)
    step = 1000 / max(intervals, 1)
    for item, values in zip(series, table, strict=True):
        rectangles = [
            f"M{step * (n + (1 - _BAR) / 2):.1f} {scale.y(base[n]):.2f}"
            f"h{step * _BAR:.1f}V{scale.y(base[n] + values[n]):.2f}h{-step * _BAR:.1f}z"
            for n in np.flatnonzero(values)
        ]
        parts.append(f'<path class="bar {escape(item.style)}" d="{"".join(rectangles)}"/>')
        base = base + values
    return _chart(parts, axis, label, scale, unit)


def sparkline(values: Array, label: str, style: str = "c0") -> str:
    """Draw a curve without axes between its own extremes, for a line of a table."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    scaled = (values - low) / (high - low) if high > low else np.where(np.isfinite(values), 0.5, np.nan)
    path = _path(0.08 + 0.84 * scaled, _Scale(0.0, 1.0))
    return (
        f'<svg class="spark" role="img" aria-label="{escape(label)}" viewBox="0 0 1000 100" '
        f'preserveAspectRatio="none"><path class="line {escape(style)}" d="{path}"/></svg>'
    )


def number_text(value: float, unit: str = "") -> str:
    """Write a number of an axis or a table: at most three digits that count, thousands with commas."""
    if not math.isfinite(value):
        return "–"
    if unit == "%":
        return f"{100 * value:.3g}\u00a0%"
    behind = f"\u00a0{unit}" if unit else ""
    return f"{value:,.0f}{behind}" if abs(value) >= 100 else f"{value:.3g}{behind}"


def _chart(parts: Sequence[str], axis: Axis, label: str, scale: _Scale, unit: str, across: str = "") -> str:
    lines = 4 if unit == "%" and scale.top == 1 and not scale.bottom else _GRID_LINES
    levels = [scale.bottom + (scale.top - scale.bottom) * line / lines for line in range(1, lines + 1)]
    grid = "".join(f'<line class="grid" x1="0" x2="100%" {scale.level(level)}/>' for level in levels)
    numbers = "".join(
        f'<text class="level" x="2" y="{scale.pixels(level) + 12:.1f}">{escape(number_text(level, unit))}</text>'
        for level in levels
    )
    ticks = "".join(_tick(at, text) for at, text in axis.ticks)
    stretches = "".join(
        f'<rect class="{escape(s.style)}" x="{100 * s.begin:.2f}%" width="{100 * max(s.end - s.begin, 0.004):.2f}%" '
        f'y="0" height="{HEIGHT}"><title>{escape(s.label)}</title></rect>'
        for s in axis.stretches
    )
    return (
        f'<svg class="plot" role="img" aria-label="{escape(label)}" width="100%" height="{HEIGHT + FOOT}">'
        f'{stretches}{grid}<svg width="100%" height="{HEIGHT}" viewBox="0 0 1000 100" preserveAspectRatio="none">'
        f"{''.join(parts)}</svg>{across}{numbers}"
        f'<line class="base" x1="0" x2="100%" y1="{HEIGHT}" y2="{HEIGHT}"/>{ticks}{_marks(axis.marks)}'
        f'<line class="cursor" y1="0" y2="{HEIGHT}"/></svg>'
    )


def _marks(marks: Sequence[Mark]) -> str:
    drawn, last_on = [], [-math.inf, -math.inf]
    for mark in sorted(marks, key=lambda mark: mark.at):
        x = f"{100 * mark.at:.2f}%"
        text, label = "", mark.label[:_LETTERS]
        width = _LETTER * len(label) + _GAP
        is_left = mark.at + width > 1  # of its mark, where it would run out of the chart
        begin = mark.at - width if is_left else mark.at
        line = next((n for n, last in enumerate(last_on) if begin >= last), None)
        if line is not None:  # others are named when pointed at, and below the charts
            anchor, shift = ("end", -5) if is_left else ("start", 5)
            place = f'x="{x}" dx="{shift}" y="{11 + 13 * line}" text-anchor="{anchor}"'
            text = f"<text {place}>{escape(label)}</text>"
            last_on[line] = begin + width
        drawn.append(
            f'<g class="mark {escape(mark.style)}"><line x1="{x}" x2="{x}" y1="0" y2="{HEIGHT}">'
            f"<title>{escape(mark.label)}</title></line>{text}</g>"
        )
    return "".join(drawn)


def _tick(at: float, text: str) -> str:
    x = f"{100 * at:.2f}%"
    anchor = "start" if at < 0.04 else "end" if at > 0.96 else "middle"
    return (
        f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{HEIGHT + 4}"/>'
        f'<text class="time" x="{x}" y="{HEIGHT + 17}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _path(values: Array, scale: _Scale) -> str:
    """Write a curve through the middles of its intervals; a value between unknown ones is a dot."""
    step, pieces, is_open = 1000 / max(len(values), 1), [], False
    for n, value in enumerate(values.tolist()):
        if not math.isfinite(value):
            is_open = False
            continue
        pieces.append(f"{'L' if is_open else 'M'}{step * (n + 0.5):.1f} {scale.y(value):.2f}")
        if not is_open:
            pieces.append("h.01")
        is_open = True
    return "".join(pieces)


def _area(low: Array, high: Array, scale: _Scale) -> str:
    step, pieces = 1000 / max(len(low), 1), []
    known = np.isfinite(low) & np.isfinite(high)
    runs = np.split(np.arange(len(low)), np.flatnonzero(np.diff(known.astype(int))) + 1)
    for run in runs:
        if len(run) and known[run[0]]:
            forth = [f"{step * (n + 0.5):.1f} {scale.y(high[n]):.2f}" for n in run]
            back = [f"{step * (n + 0.5):.1f} {scale.y(low[n]):.2f}" for n in run[::-1]]
            pieces.append(f"M{'L'.join(forth + back)}z")
    return f'<path class="band" d="{"".join(pieces)}"/>'


def _highest(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else 0.0


def _round_up(value: float) -> float:
    """Return the next round number whose parts are round, too."""
    if value <= 0:
        return 1.0
    part = value / _GRID_LINES
    power = 10.0 ** math.floor(math.log10(part))
    return next(step * power for step in _STEPS if step * power >= part * (1 - 1e-9)) * _GRID_LINES
