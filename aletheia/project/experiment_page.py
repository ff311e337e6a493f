"""Experiments as pictures: their AUCs over time, and a page that compares two of them."""

from __future__ import annotations

import math
from html import escape

import plotly.graph_objects as go

from aletheia.plotting.html import html_page, plot
from aletheia.plotting.theme import FAKE, NEUTRAL, REAL, SECOND, empty, label_rows, note, short, styled
from aletheia.project.experiment_text import auc_of, comparison_sentences, experiment_rows, value_text
from aletheia.project.experiments import Experiment, ExperimentComparison
from aletheia.reports.formatting import escaped_table

_MOST = 30
_VERDICTS = {"production": SECOND, "candidate": FAKE}


def experiments_figure(experiments: list[Experiment]) -> go.Figure:
    """Draw the test AUC of each experiment with its interval, beside the best control without faces.

    Parameters
    ----------
    experiments : list of Experiment
        The newest first; of many, the newest thirty.
    """
    title = "What the runs of the workflow are worth"
    shown = [run for run in experiments if auc_of(run).is_defined][:_MOST][::-1]
    if not shown:
        return empty(title, "No run has evaluated a model yet.")
    names = [short(f"{run.short} {run.label}".strip()) for run in shown]
    figure = go.Figure()
    for verdict in dict.fromkeys(str(run.results.get("verdict", "not registered")) for run in shown):
        rows = [k for k, run in enumerate(shown) if str(run.results.get("verdict", "not registered")) == verdict]
        aucs = [auc_of(shown[k]) for k in rows]
        figure.add_scatter(
            x=[auc.value for auc in aucs],
            y=rows,
            name=verdict,
            mode="markers",
            marker={"size": 12, "color": _VERDICTS.get(verdict, NEUTRAL)},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [_length(auc.high - auc.value) for auc in aucs],
                "arrayminus": [_length(auc.value - auc.low) for auc in aucs],
            },
            hovertemplate="AUC %{x:.3f}<extra></extra>",
        )
    controls = [(k, run.result("best_control_auc")) for k, run in enumerate(shown)]
    figure.add_scatter(
        x=[auc for _, auc in controls],
        y=[k for k, _ in controls],
        name="best control without faces",
        mode="markers",
        marker={"size": 12, "symbol": "line-ns-open", "color": REAL, "line": {"width": 3}},
        hovertemplate="%{x:.3f}<extra></extra>",
    )
    styled(figure, title, "AUC on the test faces", height=240 + 32 * len(shown))
    label_rows(figure, names)
    return note(figure, "95 % intervals; runs on other test faces are not comparable by eye.")


def render_comparison(result: ExperimentComparison, experiments: list[Experiment]) -> str:
    """Write a page that works offline: sentences, what differs, and the figure of all runs."""
    names = (result.first.short, result.second.short)
    title = f"Runs {names[0]} and {names[1]}"
    head, rows = experiment_rows([result.first, result.second])
    body = [
        f"<h1>{escape(title)}</h1>",
        *(f'<p class="finding">{escape(sentence)}</p>' for sentence in comparison_sentences(result)),
        escaped_table(("run", *head), rows),
    ]
    for heading, table in (("Parameters that differ", result.parameters), ("Results that differ", result.results)):
        body.append(f"<h2>{heading}</h2>")
        texts = [(name, value_text(first), value_text(second)) for name, first, second in table.itertuples(index=False)]
        body.append(escaped_table(("name", *names), texts) if texts else "<p>None.</p>")
    body += ["<h2>All runs</h2>", plot(experiments_figure(experiments))]
    return html_page(title, body)


def _length(value: float) -> float:
    return 0.0 if math.isnan(value) else value
