"""Figure of the answers by group: how many faces are answered, and how many of the answers are wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from aletheia.plotting.theme import FAKE, LEGEND, NEUTRAL, empty, note, short, styled

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
    names = [short(f"{row.column} {row.value}, {row.label}", 44) for row in rows.itertuples()]
    figure = go.Figure()
    for column, name, colour, symbol in (
        ("answered", "answered", NEUTRAL, "square"),
        ("error_answered", "wrong among the answers", FAKE, "circle"),
    ):
        values, low, high = (rows[f"{column}{end}"].to_numpy(np.float64) for end in ("", "_low", "_high"))
        figure.add_scatter(
            x=values, y=list(range(len(rows))), name=name, mode="markers", customdata=names,
            marker={"color": colour, "size": 10, "symbol": symbol},
            error_x={"type": "data", "symmetric": False, "array": high - values, "arrayminus": values - low},
            hovertemplate="%{customdata}: %{x:.1%} " + name + "<extra></extra>",
        )  # fmt: skip
    promised = 1 - float(rows["promised"].iloc[0])
    figure.add_vline(x=promised, line={"color": NEUTRAL, "dash": "dot"})
    styled(figure, title, "share of the faces, and of the answers", height=220 + 34 * len(rows))
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%")
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=names)
    figure.update_layout(legend=LEGEND, margin={"t": 110})
    return note(figure, f"Dotted: of each class at most {promised:.0%} may be answered wrongly; 95 % intervals.")
