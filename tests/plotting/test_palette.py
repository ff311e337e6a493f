"""Colours on their grounds: contrast as WCAG 2.2 computes it."""

from __future__ import annotations

from aletheia.plotting import palette, theme


def luminance(colour: str) -> float:
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_contrast():
    """At least 3 for what is drawn (SC 1.4.11), on white and on the dark ground of the dashboard."""
    for name in ("REAL", "FAKE", "NEUTRAL", "SECOND"):
        colour = getattr(palette, name)
        assert contrast(colour, "#ffffff") > 3
        assert contrast(palette.DARK[colour], "#1c2025") > 4.5
        assert getattr(theme, name) == colour
