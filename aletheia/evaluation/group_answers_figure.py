"""Figure of the answers by group: how many faces are answered, and how many of the answers are wrong."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from aletheia.plotting.theme import FAKE, NEUTRAL, empty, label_rows, note, short, styled

_SHOWN = 40


def group_answers_figure(groups: pd.DataFrame) -> go.Figure:
    """Draw the share answered and the share of wrong answers of each part, with 95 % intervals.

    Parameters
    ----------
    groups : DataFrame
        Of `aletheia.evaluation.abstention_groups.promise_by_group`; the first 40 parts are shown.
    """
    title = "Answers by source, generator and people"
    if groups.empty:
        return empty(title, "The model always answers, or no part has faces of enough people.")
    rows = groups.iloc[:_SHOWN].iloc[::-1]
    figure = go.Figure()
    hovers = [escape(f"{row.column} {row.value}, {row.label}", quote=False) for row in rows.itertuples()]
    # One above the other: intervals on the same line would hide each other.
    for column, name, colour, symbol, offset in (
        ("answered", "answered", NEUTRAL, "square", 0.14),
        ("error_answered", "wrong among the answers", FAKE, "circle", -0.14),
    ):
        values, low, high = (rows[f"{column}{end}"].to_numpy(np.float64) for end in ("", "_low", "_high"))
        figure.add_scatter(
            x=values, y=np.arange(len(rows)) + offset, name=name, mode="markers", customdata=hovers,
            marker={"color": colour, "size": 9, "symbol": symbol},
            error_x={"type": "data", "symmetric": False, "array": high - values, "arrayminus": values - low},
            hovertemplate="%{customdata}: %{x:.1%} " + name + "<extra></extra>",
        )  # fmt: skip
        for position in np.flatnonzero(np.isnan(values)):
            figure.add_annotation(
                x=0, y=position + offset, text="no answers", showarrow=False, xanchor="left", yshift=-5,
                font={"size": 11, "color": NEUTRAL},
            )  # fmt: skip
    promised = 1 - float(rows["promised"].iloc[0])
    figure.add_vline(x=promised, line={"color": NEUTRAL, "dash": "dot"})
    styled(figure, title, "share of the faces, and of the answers", height=170 + 34 * len(rows))
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%")
    label_rows(figure, [f"{row.column} {short(row.value, 28)}, {row.label}" for row in rows.itertuples()])
    figure.update_yaxes(showgrid=False)
    left_out = f" The first {_SHOWN} of {len(groups)} parts." if len(groups) > _SHOWN else ""
    has_intervals = rows[["answered_low", "error_answered_low"]].notna().any(axis=None)
    intervals = "95 % intervals" if has_intervals else "the people are too few for intervals"
    text = f"Dotted: of each class at most {promised:.0%} may be answered wrongly; {intervals}.{left_out}"
    return note(figure, text)
