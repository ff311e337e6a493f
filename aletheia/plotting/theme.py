"""Theme of all figures: colours that colour-blind readers can tell apart, legible sizes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.colors import hex_to_rgb

from aletheia.plotting import palette

REAL, FAKE, NEUTRAL, SECOND = palette.REAL, palette.FAKE, palette.NEUTRAL, palette.SECOND

# Even in lightness and readable for every kind of colour blindness (Nunez et al., PLOS ONE 13, 2018).
SCALE = "Cividis"
COLOURS = {"real": REAL, "fake": FAKE}
# Below the figure: above it the buttons that plotly shows would lie over it.
LEGEND = {"orientation": "h", "yref": "container", "y": 0.01, "yanchor": "bottom", "x": 0, "traceorder": "normal"}
# Characters of a line in a figure of 640 pixels, and heights of lines in pixels.
_TITLE_WIDTH, _NOTE_WIDTH = 66, 92
_TITLE_LINE, _NOTE_LINE, _LEGEND_LINE, _PANEL_TITLE = 22, 17, 20, 24


def styled(figure: go.Figure, title: str, x: str = "", y: str = "", *, height: int = 450) -> go.Figure:
    """Give a figure its title, axis titles (with units) and the common theme.

    It is as wide as its frame: long lines are broken so that they fit one of 640 pixels. The legend lies below the
    axes, where it covers nothing.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        With its data and its panels, for which room is kept.
    title, x, y : str
        Titles of the figure and of the axes.
    height : int
        Pixels, with one line of title, no note and two entries of the legend; a figure with more is higher.
    """
    lines = wrapped(title, _TITLE_WIDTH)
    more = _TITLE_LINE * lines.count("<br>") + (
        _PANEL_TITLE if any(a.yref == "paper" for a in figure.layout.annotations) else 0
    )
    entries = sum(trace.name is not None and trace.showlegend is not False for trace in figure.data)
    legend = _LEGEND_LINE * entries if entries > 1 else 0  # in a narrow frame each entry takes a line
    figure.update_layout(
        title={
            "text": lines, "font": {"size": 17}, "x": 0, "xanchor": "left", "y": 1, "yanchor": "top",
            "pad": {"l": 12, "t": 16},
        },
        template="plotly_white",
        font={"size": 14, "color": "#1f1f1f"},
        height=height + more + max(0, legend - 2 * _LEGEND_LINE),
        margin={"l": 70, "r": 30, "t": 60 + more, "b": 66 + legend},
        legend=LEGEND,
        hoverlabel={"font": {"size": 13}},
    )  # fmt: skip
    figure.update_xaxes(title=x or None, automargin=True)
    figure.update_yaxes(title=y or None, automargin=True)
    return figure


def note(figure: go.Figure, text: str) -> go.Figure:
    """Put an explanation under the title of a figure that is styled; the figure grows by its lines."""
    lines = wrapped(text, _NOTE_WIDTH)
    more = _NOTE_LINE * (1 + lines.count("<br>"))
    figure.update_layout(
        title_subtitle={"text": lines, "font": {"size": 13, "color": NEUTRAL}},
        height=figure.layout.height + more,
        margin_t=figure.layout.margin.t + more,
    )
    return figure


def shaded(
    figure: go.Figure, x: Sequence[Any], low: Sequence[float], high: Sequence[float], colour: str, **place: int
) -> None:
    """Shade the area between two curves; ``place`` is the row and col of a panel."""
    edge = {"x": x, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_scatter(y=low, **edge, **place)
    figure.add_scatter(y=high, fill="tonexty", fillcolor=f"rgba{(*hex_to_rgb(colour), 0.2)}", **edge, **place)


def label_cells(figure: go.Figure, columns: Sequence[str], rows: Sequence[str], *, downward: bool = False) -> None:
    """Label the cells of a heat map that stand at whole numbers, from 0: (column, row) is where annotations go.

    On an axis of names plotly takes "16" for the number: cells are spaced by their names, numbers beside them fall
    elsewhere, and two cells of the same name become one.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        The heat map.
    columns, rows : sequence of str
        Names, from left to right and from bottom to top.
    downward : bool
        Whether rows go from top to bottom.
    """
    for update, names in ((figure.update_xaxes, columns), (figure.update_yaxes, rows)):
        ends = [-0.5, len(names) - 0.5]
        if downward and names is rows:
            ends.reverse()
        update(tickvals=list(range(len(names))), ticktext=list(names), range=ends, showgrid=False, zeroline=False)


def label_rows(figure: go.Figure, names: Sequence[str], **place: int) -> None:
    """Label rows that stand at whole numbers, from 0 at the bottom: two of the same shortened name stay two."""
    ends = [-0.6, len(names) - 0.4]
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=list(names), range=ends, **place)


def empty(title: str, reason: str) -> go.Figure:
    """Create a figure that gives the reason why it is empty."""
    figure = styled(go.Figure(), title, height=220)
    figure.add_annotation(
        text=wrapped(reason, _TITLE_WIDTH), xref="paper", yref="paper", x=0.5, y=0.5, showarrow=False, font={"size": 14}
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def wrapped(text: str, width: int) -> str:
    """Break a line of a figure between words, at most `width` characters a line."""
    return "<br>".join(textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False))


def short(text: object, length: int = 32) -> str:
    """Shorten and escape a name for an axis: plotly would read < and & as markup.

    What is left out is left out before the last third: names often differ at their ends only.
    """
    name = " ".join(str(text).split())
    if len(name) > length:
        end = length // 3
        name = name[: length - 1 - end] + "…" + name[len(name) - end :]
    return escape(name, quote=False)
