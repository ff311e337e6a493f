"""Figures of a training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from aletheia.plotting.theme import FAKE, NEUTRAL, REAL, SECOND, styled

_CHANCE = float(np.log(2))


def curve_figures(history: pd.DataFrame) -> dict[str, go.Figure]:
    """Draw the curves over the epochs of `FitResult.history`.

    Returns
    -------
    dict
        loss_curve and auc_curve; decision_curves: accuracy, precision, recall and F1, fake being the positive class,
        at a probability of 0.5; learning_rate_curve.
    """
    epochs = history["epoch"]
    best = history.loc[history["val_loss"].idxmin()]
    loss = go.Figure()
    _both_sets(loss, history, "loss")
    loss.add_hline(y=_CHANCE, line={"color": NEUTRAL, "dash": "dot"}, annotation_text="a coin toss (ln 2)")
    loss.add_vline(
        x=best["epoch"],
        line={"color": "black", "width": 1},
        annotation={"text": f"kept: epoch {int(best['epoch'])}", "yanchor": "bottom"},
        annotation_xanchor="left" if best["epoch"] <= (epochs.min() + epochs.max()) / 2 else "right",
    )
    styled(loss, "Loss per epoch", "epoch", "mean cross-entropy (nats per sample)")
    loss.update_yaxes(rangemode="tozero")

    auc = go.Figure()
    _both_sets(auc, history, "auc")
    styled(auc, "AUC per epoch", "epoch", "AUC (0.5 = chance)")
    auc.update_yaxes(range=[min(0.45, history[["train_auc", "val_auc"]].min().min() - 0.02), 1.01])

    titles = {"accuracy": "accuracy", "precision": "precision", "recall": "recall", "f1": "F1"}
    decisions = make_subplots(2, 2, shared_xaxes=True, subplot_titles=list(titles.values()), vertical_spacing=0.12)
    for index, name in enumerate(titles):
        _both_sets(decisions, history, name, legend=index == 0, row=index // 2 + 1, col=index % 2 + 1)
    styled(decisions, "Decisions at a probability of 0.5, per epoch", height=560)
    decisions.update_xaxes(title_text="epoch", row=2)
    decisions.update_yaxes(range=[-0.02, 1.02])

    rate = go.Figure()
    rate.add_scatter(x=epochs, y=history["learning_rate"], mode="lines+markers", line={"color": SECOND})
    styled(rate, "Learning rate at the end of each epoch", "epoch", "learning rate")
    rate.update_yaxes(rangemode="tozero", exponentformat="e")
    figures = {"loss_curve": loss, "auc_curve": auc, "decision_curves": decisions, "learning_rate_curve": rate}
    for figure in figures.values():
        # Whole epochs only.
        figure.update_xaxes(dtick=max(1, round(len(history) / 12)), tick0=1, range=[0.7, epochs.max() + 0.3])
    return figures


def _both_sets(figure: go.Figure, history: pd.DataFrame, name: str, *, legend: bool = True, **place: int) -> None:
    """Draw the column of training and that of validation; ``place`` is the row and col of a panel."""
    for part, title, colour, dash, symbol in (
        ("train", "training", REAL, "solid", "circle"),
        ("val", "validation", FAKE, "dash", "square"),
    ):
        figure.add_scatter(
            x=history["epoch"], y=history[f"{part}_{name}"], name=title, legendgroup=part, showlegend=legend,
            mode="lines+markers", line={"color": colour, "dash": dash}, marker={"symbol": symbol}, **place,
        )  # fmt: skip
