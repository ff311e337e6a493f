"""Charts of the page as SVG and HTML; their colours come from the style sheet, so that they follow light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.serving.web.messages import LABELS, TONES, format_clock, format_percent

_WIDTH, _HEIGHT = 380, 230  # in units of the chart; text of 11 units is readable on a phone and on a screen
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 10, 34


def probability_bar(probability: float, threshold: float, verdict: str) -> str:
    """Draw a bar from genuine to manipulated with the model's threshold and the face's probability."""
    limit = format_percent(threshold)
    description = (
        f"Probability of a manipulation: {format_percent(probability)}; the verdict is “manipulated” from {limit} on."
    )
    return (
        f'<div class="scale tone-{TONES[verdict]}" role="img" aria-label="{description}">'
        f'<div class="bar"><span class="fill" style="width:{100 * probability:.1f}%"></span>'
        f'<i class="threshold" style="left:{100 * threshold:.1f}%"></i>'
        f'<b class="dot" style="left:{100 * probability:.1f}%"></b></div>'
        f'<div class="ends" aria-hidden="true"><span>genuine</span>'
        f'<span class="at" style="left:{min(max(100 * threshold, 22), 74):.1f}%">threshold {limit}</span>'
        "<span>manipulated</span></div></div>"
    )


class _Axes:
    """Axes with ticks, which convert values into the units of the drawing."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.x, self.y = x, y
        self.parts: list[str] = []

    def at(self, x: Any, y: Any) -> tuple[Array, Array]:
        """Convert values (n,) into positions (n,), clipped to the axes."""
        across = (np.asarray(x, float) - self.x[0]) / (self.x[1] - self.x[0])
        up = (np.asarray(y, float) - self.y[0]) / (self.y[1] - self.y[0])
        return (
            _LEFT + np.clip(across, 0, 1) * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - np.clip(up, 0, 1) * (_HEIGHT - _TOP - _BOTTOM),
        )

    def grid(self, x: Mapping[float, str], y: Mapping[float, str]) -> None:
        """Draw labelled horizontal lines, and labels below."""
        for value, label in y.items():
            _, (at,) = self.at([self.x[0]], [value])
            self.parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
            self.parts.append(f'<text x="{_LEFT - 5}" y="{at + 3.5:.1f}" text-anchor="end">{escape(label)}</text>')
        for index, (value, label) in enumerate(x.items()):
            (at,), _ = self.at([value], [self.y[0]])
            anchor = "start" if not index else "end" if index == len(x) - 1 else "middle"
            self.parts.append(
                f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="{anchor}">{escape(label)}</text>'
            )

    def line(self, x: Any, y: Any, kind: str) -> None:
        """Draw a line through the finite points."""
        keep = np.isfinite(np.asarray(y, float))
        across, up = self.at(np.asarray(x)[keep], np.asarray(y)[keep])
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, up, strict=True))
        self.parts.append(f'<polyline class="line {kind}" points="{points}"/>')

    def band(self, x: Any, low: Any, high: Any, kind: str) -> None:
        """Fill the area between two lines."""
        a, b = self.at(x, low), self.at(x, high)
        across, up = np.concatenate([a[0], b[0][::-1]]), np.concatenate([a[1], b[1][::-1]])
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, up, strict=True))
        self.parts.append(f'<polygon class="band {kind}" points="{points}"/>')

    def svg(self, x_title: str, description: str) -> str:
        """Return the drawing, with a description for screen readers."""
        middle = (_WIDTH + _LEFT) / 2
        title = f'<text x="{middle}" y="{_HEIGHT - 4}" text-anchor="middle">{escape(x_title)}</text>'
        return (
            f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(description)}">'
            f"{''.join(self.parts)}{title}</svg>"
        )


def spectrum_chart(frequencies: Any, decibels: Any, typical: Mapping[str, Mapping[str, Any]]) -> str:
    """Draw the spectrum of a face over those of typical genuine and manipulated ones.

    Parameters
    ----------
    frequencies, decibels : (n,) array
        Cycles per pixel and dB of the face.
    typical : mapping
        For ``real`` and ``fake``, where available, ``low``, ``mean`` and ``high`` (n,) in dB.
    """
    x, y = np.asarray(frequencies, float), np.asarray(decibels, float)
    values = [y, *(np.asarray(part[name], float) for part in typical.values() for name in ("low", "high"))]
    finite = np.concatenate(values)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return '<p class="quiet">This face is of one colour: it has no spectrum.</p>'
    bottom = 10 * np.floor(finite.min() / 10)
    top = max(10 * np.ceil(finite.max() / 10), bottom + 20)
    axes = _Axes((float(x[0]), float(x[-1])), (float(bottom), float(top)))
    step = 20 if top - bottom > 40 else 10
    axes.grid(
        {float(x[0]): "coarse", float(x[-1]): "fine"},
        {float(v): f"{v:.0f} dB" if v == top else f"{v:.0f}" for v in np.arange(top, bottom - 1, -step)},
    )
    for kind, part in typical.items():
        axes.band(x, part["low"], part["high"], kind)
    for kind, part in typical.items():
        axes.line(x, part["mean"], kind)
    axes.line(x, y, "this")
    legend = [("this", "this face")]
    legend += [(kind, f"typical {LABELS[kind]} faces of the training") for kind in typical]
    keys = "".join(f'<li><i class="key {kind}"></i>{text}</li>' for kind, text in legend)
    description = "How much of each fineness there is in this face" + (
        ", over typical faces of the training." if typical else "."
    )
    return f'{axes.svg("fineness of the detail", description)}<ul class="legend">{keys}</ul>'


def timeline_chart(people: Sequence[Mapping[str, Any]], duration: float, threshold: float) -> str:
    """Draw the probability of each frame over the time, one line a person; points carry their second for the script."""
    axes = _Axes((0.0, max(duration, 0.1)), (0.0, 1.0))
    axes.grid({0.0: "0:00", max(duration, 0.1): format_clock(duration)}, {0.0: "0 %", 0.5: "50 %", 1.0: "100 %"})
    _, (at,) = axes.at([0], [threshold])
    axes.parts.append(f'<line class="threshold" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
    for number, person in enumerate(people):
        probabilities = [face["probability"] for face in person["faces"]]
        axes.parts.append(f'<g data-person="{number}">')
        axes.line(person["times"], probabilities, "this")
        across, up = axes.at(person["times"], probabilities)
        for a, b, time, face in zip(across, up, person["times"], person["faces"], strict=True):
            title = f"{format_clock(time)}: {format_percent(face['probability'])}, {LABELS[face['verdict']]}"
            axes.parts.append(
                f'<circle class="point tone-{TONES[face["verdict"]]}" cx="{a:.1f}" cy="{b:.1f}" r="5" '
                f'data-seek="{time:.3f}"><title>{title}</title></circle>'
            )
        axes.parts.append("</g>")
    axes.parts.append(f'<line class="now" x1="{_LEFT}" x2="{_LEFT}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
    description = (
        f"Probability of a manipulation in each frame that was looked at, over {format_clock(duration)} minutes."
    )
    return (
        f'<div class="timeline" data-left="{_LEFT}" data-right="{_WIDTH - _RIGHT}" data-duration="{duration:.3f}">'
        f"{axes.svg('time in the video', description)}</div>"
        f'<ul class="legend"><li><i class="key this"></i>one frame after the other</li>'
        f'<li><i class="key threshold"></i>threshold {format_percent(threshold)}</li></ul>'
    )
