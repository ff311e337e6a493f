"""The theme of the figures."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from aletheia.plotting.theme import COLOURS, FAKE, NEUTRAL, REAL, empty, note, shaded, short, styled


def relative_luminance(colour: str) -> float:
    """WCAG 2.1, relative luminance of #rrggbb."""
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [REAL, FAKE, NEUTRAL])
def test_colours_are_legible_on_white(colour):
    assert 1.05 / (relative_luminance(colour) + 0.05) >= 3.0  # WCAG 2.1, 1.4.11


def test_styled_sets_title_and_axes():
    figure = styled(go.Figure(), "Title", "x (px)", "y (dB)", height=300)
    assert figure.layout.title.text == "Title"
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("x (px)", "y (dB)")
    assert figure.layout.height == 300
    height = figure.layout.height
    assert note(figure, "explained").layout.title.subtitle.text == "explained"
    assert figure.layout.height > height


def test_shaded_fills_between_both_curves():
    figure = go.Figure()
    shaded(figure, [0, 1], [0.1, 0.2], [0.3, 0.4], COLOURS["fake"])
    lower, upper = figure.data
    assert (tuple(lower.y), tuple(upper.y)) == ((0.1, 0.2), (0.3, 0.4))
    assert upper.fill == "tonexty" and upper.fillcolor == "rgba(213, 94, 0, 0.2)"


def test_empty_gives_the_reason():
    figure = empty("Title", "no rows")
    assert figure.layout.annotations[0].text == "no rows"
    assert figure.layout.xaxis.visible is False


def test_short_escapes_and_shortens():
    assert short("a<b & c") == "a&lt;b &amp; c"
    assert short("a" * 20 + "z" * 20, 10) == "aaaaaa…zzz"
    assert short("two\n lines") == "two lines"
