"""Figures of a training and of a grid search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.plotting.theme import FAKE, NEUTRAL, REAL, SCALE, SECOND, label_cells, note, short, styled

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
        annotation_text=f"kept: epoch {int(best['epoch'])}",
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


def grid_figures(cells: pd.DataFrame) -> dict[str, go.Figure]:
    """Draw a grid search over learning rate and batch size: heat_map and parallel_coordinates.

    Parameters
    ----------
    cells : DataFrame
        MLRun's table of iterations (param.learning_rate, param.batch_size, output.loss), or the same without
        the prefixes. A loss that is not finite marks a cell that diverged. With a column output.stopped that is not 0,
        and output.epochs, a cell is marked as stopped.

    Raises
    ------
    InputError
        When a column is missing or there is no cell.
    """
    # A parameter and a result may have the same name: epochs, of all cells and of this one.
    prefixes = {"learning_rate": "param.", "batch_size": "param.", "loss": "output.", "stopped": "output."}
    found = {name: _find(cells, prefix, name) for name, prefix in {**prefixes, "epochs": "output."}.items()}
    named = pd.DataFrame({name: column for name, column in found.items() if column is not None})
    if missing := [c for c in ("learning_rate", "batch_size", "loss") if c not in named]:
        raise InputError(f"The grid's table lacks {', '.join(missing)}; it has {', '.join(map(str, cells.columns))}.")
    if not len(named):
        raise InputError("The grid has no cells, so there is nothing to draw.")
    loss, zero = pd.to_numeric(named["loss"], errors="coerce"), pd.Series(0, named.index)
    table = pd.DataFrame({name: _levels(named[name]) for name in ("learning_rate", "batch_size")})
    table["loss"] = loss.where(np.isfinite(loss))
    stopped, epochs = (pd.to_numeric(named.get(name, zero), errors="coerce") for name in ("stopped", "epochs"))
    table["stopped_after"] = epochs.where(stopped > 0, 0).fillna(0)
    return {"heat_map": _heat_map(table), "parallel_coordinates": _parallel(table)}


def _heat_map(table: pd.DataFrame) -> go.Figure:
    grid = table.pivot_table(index="learning_rate", columns="batch_size", values="loss", aggfunc="mean", dropna=False)
    z = grid.to_numpy(dtype=float)
    stopped_after = table.pivot_table(
        index="learning_rate", columns="batch_size", values="stopped_after", aggfunc="max", dropna=False
    ).to_numpy()
    low, high = _colour_range(z)
    columns, rows = [_label(batch) for batch in grid.columns], [_label(rate) for rate in grid.index]
    x, y = list(range(len(columns))), list(range(len(rows)))
    names = [[[rate, batch] for batch in columns] for rate in rows]
    figure = go.Figure(
        go.Heatmap(
            z=z, x=x, y=y, customdata=names, colorscale=SCALE, zmin=low, zmax=high, xgap=2, ygap=2,
            colorbar={"title": "validation<br>loss (nats)"},
            hovertemplate="learning rate %{customdata[0]}, batch size %{customdata[1]}: %{z:.4f}<extra></extra>",
        )
    )  # fmt: skip
    best = np.nanargmin(z) if np.isfinite(z).any() else -1
    for i in y:
        for j in x:
            is_finite = np.isfinite(z[i, j])
            text = f"{z[i, j]:.3f}" if is_finite else "diverged"
            text = f"<b>★ {text}</b>" if i * len(x) + j == best else text
            if is_finite and stopped_after[i, j] > 0:
                text += f"<br><i>stopped after {int(stopped_after[i, j])}</i>"
            is_dark = is_finite and z[i, j] < (low + high) / 2
            colour = "white" if is_dark else "black" if is_finite else FAKE
            figure.add_annotation(x=j, y=i, text=text, showarrow=False, font={"color": colour, "size": 14})
    styled(figure, "Validation loss over the grid", "batch size (images per step)", "learning rate", height=480)
    label_cells(figure, columns, rows)
    return note(figure, f"Dark is good, the star is best; {_CHANCE:.3f} is a coin toss.")


def _parallel(table: pd.DataFrame) -> go.Figure:
    losses = table["loss"].to_numpy(dtype=float)
    low, high = _colour_range(losses)
    clipped = np.where(np.isfinite(losses), np.minimum(losses, high), high)
    ticks = np.linspace(low, high, 5)
    is_clipped = bool((~np.isfinite(losses)).any() or np.nanmax(losses, initial=low) > high)
    figure = go.Figure(
        go.Parcoords(
            line={
                "color": clipped,
                "colorscale": SCALE,
                "cmin": low,
                "cmax": high,
                "showscale": True,
                "colorbar": {"title": "loss (nats)"},
            },
            dimensions=[
                _factor("learning rate", table["learning_rate"]),
                _factor("batch size (images)", table["batch_size"]),
                {
                    "label": "validation loss (nats)",
                    "values": clipped,
                    "range": [low, high],
                    "tickvals": ticks,
                    "ticktext": [f"{t:.3f}" for t in ticks[:-1]] + [("≥ " if is_clipped else "") + f"{ticks[-1]:.3f}"],
                },
            ],
        )
    )
    styled(figure, "Parallel coordinates of the grid", height=460)
    figure.update_layout(margin={"l": 90, "r": 60, "t": 110, "b": 40})
    if is_clipped:
        note(figure, "Cells that diverged, or did much worse than chance, end at the top of the last axis.")
        figure.layout.annotations[-1].yshift = 50
    return figure


def _find(cells: pd.DataFrame, prefix: str, name: str) -> pd.Series | None:
    """Return a column of MLRun's table, or of the same without prefixes."""
    return cells.get(f"{prefix}{name}", cells.get(name))


def _levels(column: pd.Series) -> pd.Series:
    """Return the values of a factor as numbers if all of them are, else as texts."""
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if np.isfinite(numbers).all() else column.astype(str)


def _factor(label: str, column: pd.Series) -> dict[str, Any]:
    """Return an axis of parallel coordinates: logarithmic for positive numbers, else evenly spaced."""
    values = sorted(column.unique())
    numeric = pd.api.types.is_numeric_dtype(column) and values[0] > 0
    places = {value: float(np.log10(value)) if numeric else float(i) for i, value in enumerate(values)}
    return {
        "label": label,
        "values": [places[value] for value in column],
        "tickvals": list(places.values()),
        "ticktext": [_label(value) for value in values],
    }


def _label(value: object) -> str:
    """Label a value of a factor: numbers without superfluous digits, names short and escaped."""
    return f"{value:g}" if isinstance(value, int | float | np.number) else short(value, 24)


def _colour_range(losses: Array) -> tuple[float, float]:
    """Return the best and the worst loss, the latter not far above chance: one bad cell must not fade the others."""
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return 0.0, _CHANCE
    low = float(finite.min())
    high = min(float(finite.max()), max(1.2 * _CHANCE, 1.5 * low))
    return low, high if high > low else low + 1e-3
