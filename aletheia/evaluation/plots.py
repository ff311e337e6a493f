"""Figures of an evaluation; those of a training and of a grid are in `aletheia.training.plots`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from aletheia.core.arrays import Array
from aletheia.evaluation.subgroups import AND
from aletheia.plotting.theme import FAKE, NEUTRAL, REAL, SECOND, empty, label_rows, note, short, styled
from aletheia.stats.calibration_error import balanced_weights, equal_mass_bins
from aletheia.stats.curves import curve
from aletheia.stats.intervals import design_effect, wilson
from aletheia.stats.metrics import Metrics

# More points than pixels only make the file large.
_MAX_POINTS = 1500


def roc(y: Array, p: Array, metrics: Metrics, shortcut_auc: float | None = None) -> go.Figure:
    """Draw the ROC curve with the point of the threshold, chance, and the shortcut's AUC in a note."""
    title = "ROC curve"
    if _one_class(y):
        return empty(title, "One class only: there is no ROC curve.")
    c = curve(y, p)
    keep = _thin(len(c.fpr))
    figure = go.Figure()
    figure.add_scatter(
        x=c.fpr[keep], y=c.tpr[keep], name=f"network: AUC {metrics['auc']}", line={"color": FAKE, "width": 3}
    )
    figure.add_scatter(x=[0, 1], y=[0, 1], name="chance: AUC 0.5", line={"color": NEUTRAL, "dash": "dot"}, mode="lines")
    figure.add_scatter(
        x=[metrics["fpr"].value],
        y=[metrics["recall"].value],
        name=f"threshold {metrics.threshold:.3f}",
        mode="markers",
        marker={"color": "black", "size": 12, "symbol": "diamond"},
    )
    styled(
        figure,
        title,
        "false-positive rate (share of real faces called fake)",
        "true-positive rate (fakes found)",
    )
    figure.update_xaxes(range=[-0.03, 1.03])
    figure.update_yaxes(range=[-0.03, 1.03])
    if shortcut_auc is not None:
        note(figure, f"File properties alone, without a pixel, reach AUC {shortcut_auc:.3f} on the same rows.")
    return figure


def precision_recall(y: Array, p: Array, metrics: Metrics) -> go.Figure:
    """Draw precision over recall, beside the precision of always answering "fake"."""
    title = "Precision and recall"
    if _one_class(y):
        return empty(title, "One class only: there is no precision-recall curve.")
    c = curve(y, p)
    recall, precision = c.tp / c.tp[-1], c.tp / (c.tp + c.fp)
    keep = _thin(len(recall))
    share = float(np.mean(y))
    figure = go.Figure()
    figure.add_scatter(
        x=recall[keep],
        y=precision[keep],
        name=f"network: average precision {metrics['average_precision']}",
        line={"color": FAKE, "width": 3, "shape": "hv"},
    )
    figure.add_scatter(
        x=[0, 1],
        y=[share, share],
        name=f"always fake: {share:.3f}",
        mode="lines",
        line={"color": NEUTRAL, "dash": "dot"},
    )
    styled(figure, title, "recall (share of fakes found)", "precision (alarms that are fakes)")
    figure.update_yaxes(range=[min(0.45, share - 0.05), 1.01])
    return figure


def calibration(y: Array, p: Array, bins: int = 10, groups: Array | None = None) -> go.Figure:
    """Draw a reliability diagram with both classes weighing the same, in bins of equal numbers of rows.

    The probabilities refer to a prior of one half; against the raw share of fakes in a test set they would
    look wrong without being so. Intervals are Wilson's on the effective number of rows, which unequal weights (Kish,
    1965) and rows of one group that resemble each other (`aletheia.stats.intervals.clustered_rate`) make smaller.
    """
    title = "Calibration"
    if _one_class(y):
        return empty(title, "One class only: calibration cannot be judged.")
    weight, index = balanced_weights(y), equal_mass_bins(p, bins)
    rows = []
    for i in np.unique(index):
        w, hit, score = weight[index == i], y[index == i], p[index == i]
        share, effective = float(np.average(hit, weights=w)), float(w.sum() ** 2 / np.sum(w**2))
        if groups is not None:
            effective /= design_effect(hit > 0, groups[index == i])
        rows.append((float(np.average(score, weights=w)), share, *wilson(share * effective, effective), len(w)))
    x, shares, low, high, n = map(np.array, zip(*rows, strict=True))
    figure = go.Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], name="perfect", mode="lines", line={"color": NEUTRAL, "dash": "dot"})
    figure.add_scatter(
        x=x,
        y=shares,
        name="network (95 % interval)",
        mode="lines+markers",
        line={"color": FAKE},
        marker={"size": 9},
        error_y={"type": "data", "symmetric": False, "array": high - shares, "arrayminus": shares - low},
        customdata=n,
        hovertemplate="predicted %{x:.3f}, found %{y:.3f}, %{customdata} rows<extra></extra>",
    )
    styled(figure, title, "predicted probability of fake", "share of fakes found<br>(classes weighted alike)")
    figure.update_xaxes(range=[-0.02, 1.02])
    figure.update_yaxes(range=[-0.02, 1.02])
    return figure


def confusion(metrics: Metrics) -> go.Figure:
    """Draw counts of verdicts by label, coloured by the share within each label."""
    c = metrics.confusion
    counts = np.array([[c["tn"], c["fp"]], [c["fn"], c["tp"]]])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=["called real", "called fake"],
            y=["is real", "is fake"],
            colorscale="Blues",
            zmin=0,
            zmax=1,
            colorbar={"title": "share of<br>the row", "tickformat": ".0%"},
            hoverinfo="skip",
        )
    )
    for i, label in enumerate(["is real", "is fake"]):
        for j, verdict in enumerate(["called real", "called fake"]):
            figure.add_annotation(
                x=verdict,
                y=label,
                text=f"<b>{counts[i, j]:,}</b><br>{shares[i, j]:.1%}",
                showarrow=False,
                font={"size": 18, "color": "white" if shares[i, j] > 0.5 else "black"},
            )
    styled(figure, f"Verdicts at the threshold {metrics.threshold:.3f}", height=360)
    figure.update_yaxes(autorange="reversed")
    return note(
        figure,
        f"Accuracy {metrics['accuracy']}; always saying the larger class: {metrics.majority_share:.3f}.",
    )


def scores_by_label(y: Array, p: Array, threshold: float, bins: int = 40) -> go.Figure:
    """Draw histograms of the probabilities, each label normalised to 1."""
    edges = np.linspace(0, 1, bins + 1)
    figure = go.Figure()
    for value, name, colour, pattern in ((0, "real", REAL, ""), (1, "fake", FAKE, "/")):
        scores = p[y == value]
        height = np.histogram(scores, edges)[0] / max(1, len(scores))
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=height,
            width=1 / bins,
            name=f"{name} (n = {len(scores):,})",
            marker={"color": colour, "opacity": 0.65, "pattern": {"shape": pattern, "solidity": 0.25}},
        )
    figure.add_vline(
        x=threshold,
        line={"color": "black", "dash": "dash"},
        annotation={"text": f"threshold {threshold:.3f}", "yanchor": "bottom", "x": min(max(threshold, 0.1), 0.9)},
        annotation_xanchor="center",
    )
    styled(figure, "Scores by label", "predicted probability of fake", "share of the label's rows per bin")
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(range=[0, 1])
    figure.update_yaxes(tickformat=".0%")
    return figure


def subgroup_rates(table: pd.DataFrame, metrics: Metrics) -> go.Figure:
    """Draw false-positive and false-negative rates of each subgroup with intervals, beside the overall rates."""
    title = "Error rates by subgroup"
    # Intersections are left out: they would make the figure too long.
    table = table[~table["column"].astype(str).str.contains(AND, regex=False)]
    if not len(table):
        return empty(title, "The manifest has no demographic columns, so subgroups cannot be compared.")
    labels = [f"{row.column}: {short(row.value, 24)}  (n = {row.n})" for row in table.itertuples()]
    figure = go.Figure()
    offsets = {"fpr": 0.14, "fnr": -0.14}
    names = {
        "fpr": ("false positives: real faces called fake", REAL, "circle"),
        "fnr": ("false negatives: fakes missed", FAKE, "square"),
    }
    positions = np.arange(len(table))[::-1]
    for rate, (name, colour, symbol) in names.items():
        is_known = table[rate].notna().to_numpy()
        value = table[rate].to_numpy()[is_known]
        figure.add_scatter(
            x=value,
            y=(positions + offsets[rate])[is_known],
            name=name,
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 10},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": table[f"{rate}_high"].to_numpy()[is_known] - value,
                "arrayminus": value - table[f"{rate}_low"].to_numpy()[is_known],
            },
            hovertemplate="%{x:.1%}<extra></extra>",
        )
        overall = metrics[rate].value
        if np.isfinite(overall):
            figure.add_vline(x=overall, line={"color": colour, "dash": "dot", "width": 1.5})
        for position in positions[~is_known]:
            figure.add_annotation(
                x=0, y=position + offsets[rate], text=f"{rate.upper()}: too few to say",
                showarrow=False, xanchor="left", font={"size": 11, "color": NEUTRAL},
            )  # fmt: skip
    styled(figure, title, "rate at the threshold, 95 % interval", height=max(320, 170 + 46 * len(table)))
    figure.update_yaxes(tickvals=positions, ticktext=labels, range=[-0.6, len(table) - 0.4], showgrid=False)
    highest = np.nanmax([*table["fpr_high"], *table["fnr_high"], metrics["fpr"].value, metrics["fnr"].value, 0.05])
    figure.update_xaxes(tickformat=".0%", range=[-0.03 * highest, 1.05 * highest])  # whole marks, also at zero
    return note(figure, "Dotted lines: the rates over all rows.")


def generator_rates(table: pd.DataFrame) -> go.Figure:
    """Draw the AUC of each generator's fakes against all real rows."""
    title = "How well each manipulation is recognised"
    rated = table[table["auc"].notna()] if len(table) else table
    if not len(rated):
        return empty(title, "No generator has enough rows to say.")
    rated = rated.sort_values("auc")
    figure = go.Figure()
    figure.add_scatter(
        x=rated["auc"],
        y=np.arange(len(rated)),
        mode="markers",
        marker={"color": SECOND, "size": 11},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": rated["auc_high"] - rated["auc"],
            "arrayminus": rated["auc"] - rated["auc_low"],
        },
        hovertemplate="AUC %{x:.3f}<extra></extra>",
    )
    figure.add_vline(x=0.5, line={"color": NEUTRAL, "dash": "dot"}, annotation_text="chance")
    styled(figure, title, "AUC against all real faces, 95 % interval", height=max(260, 160 + 40 * len(rated)))
    label_rows(figure, [f"{short(row.value)}  (n = {row.n_fake})" for row in rated.itertuples()])
    figure.update_xaxes(range=[min(0.45, float(rated["auc_low"].min()) - 0.02), 1.02])
    return figure


def _one_class(y: Array) -> bool:
    return not len(y) or bool(y.min() == y.max())


def _thin(n: int) -> Array:
    rows: Array = np.unique(np.linspace(0, n - 1, min(n, _MAX_POINTS)).round().astype(int))
    return rows
