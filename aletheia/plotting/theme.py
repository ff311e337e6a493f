"""Theme of all figures: colours that colour-blind readers can tell apart, legible sizes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.colors import hex_to_rgb

# Okabe and Ito, "Color Universal Design", 2008.
REAL = "#0072B2"
FAKE = "#D55E00"
NEUTRAL = "#6b6b6b"
SECOND = "#009E73"
# Even in lightness and readable for every kind of colour blindness (Nunez et al., PLOS ONE 13, 2018).
SCALE = "Cividis"
COLOURS = {"real": REAL, "fake": FAKE}
# Below the figure: above it the buttons that plotly shows would lie over it.
LEGEND = {"orientation": "h", "yref": "container", "y": 0.01, "yanchor": "bottom", "x": 0}


def styled(figure: go.Figure, title: str, x: str = "", y: str = "", *, height: int = 420) -> go.Figure:
    """Give a figure its title, axis titles (with units) and the common theme."""
    figure.update_layout(
        title={"text": title, "x": 0.02, "xanchor": "left", "font": {"size": 17}},
        template="plotly_white",
        font={"size": 14, "color": "#1f1f1f"},
        height=height,
        margin={"l": 70, "r": 30, "t": 80, "b": 60},
        legend={"bgcolor": "rgba(255,255,255,0.8)"},
        hoverlabel={"font": {"size": 13}},
    )
    figure.update_xaxes(title=x or None, automargin=True)
    figure.update_yaxes(title=y or None, automargin=True)
    return figure


def note(figure: go.Figure, text: str) -> go.Figure:
    """Put a line of explanation under the title."""
    figure.add_annotation(
        text=text, xref="paper", yref="paper", x=0, y=1.0, yshift=18, xanchor="left", showarrow=False,
        font={"size": 12, "color": NEUTRAL},
    )  # fmt: skip
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


def empty(title: str, reason: str) -> go.Figure:
    """Create a figure that gives the reason why it is empty."""
    figure = styled(go.Figure(), title, height=220)
    figure.add_annotation(text=reason, xref="paper", yref="paper", x=0.5, y=0.5, showarrow=False, font={"size": 14})
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def short(text: object, length: int = 32) -> str:
    """Shorten and escape a name for an axis: plotly would read < and & as markup."""
    name = " ".join(str(text).split())
    return escape(name if len(name) <= length else name[: length - 1] + "…", quote=False)
