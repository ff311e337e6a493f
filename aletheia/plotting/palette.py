"""Colours of all figures, which colour-blind readers can tell apart. Without the plot library, which takes a second."""

from __future__ import annotations

# Okabe and Ito, "Color Universal Design", 2008.
REAL = "#0072B2"
FAKE = "#D55E00"
NEUTRAL = "#6b6b6b"
SECOND = "#009E73"
#: The same on a dark ground, lighter: at least 4.5 times as light or dark as it, like the ones above on white.
DARK = {REAL: "#56B4E9", FAKE: "#FF9A52", NEUTRAL: "#A9B0B8", SECOND: "#2EC4A0"}
