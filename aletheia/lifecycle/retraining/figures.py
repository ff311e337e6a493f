"""The picture of a judgement: what the challenger gained or lost, with its intervals."""

from __future__ import annotations

import plotly.graph_objects as go

from aletheia.lifecycle.retraining.judgement import Judgement
from aletheia.plotting.theme import FAKE, NEUTRAL, REAL, styled
from aletheia.release.checks.production import MOST_LOST
from aletheia.stats.estimate import Estimate


def judgement_figure(judgement: Judgement) -> go.Figure:
    """Draw the differences, challenger minus champion: right of the line it is better."""
    rows: list[tuple[str, Estimate]] = [
        (f"frozen test set, AUC ({judgement.frozen.n:,} faces)", judgement.frozen.difference)
    ]
    if judgement.new is not None:
        rows.append((f"new faces, share right ({judgement.new.n:,} faces)", judgement.new.difference))
    figure = go.Figure()
    for name, estimate in rows:
        ends = {"array": [0.0], "arrayminus": [0.0]}
        if estimate.has_interval:
            ends = {"array": [estimate.high - estimate.value], "arrayminus": [estimate.value - estimate.low]}
        figure.add_scatter(
            x=[estimate.value],
            y=[name],
            error_x={"type": "data", "symmetric": False, "thickness": 2, **ends},
            mode="markers",
            marker={"size": 12, "color": REAL if estimate.value >= 0 else FAKE},
            showlegend=False,
        )
    figure.add_vline(x=0.0, line_color=NEUTRAL)
    figure.add_vline(x=-MOST_LOST, line_dash="dash", line_color=NEUTRAL)
    verdict = "accepted" if judgement.accepted else "refused"
    title = f"{judgement.second} against {judgement.first}: {verdict}"
    return styled(figure, title, "challenger minus champion; 95 % interval", "").update_layout(height=260)
