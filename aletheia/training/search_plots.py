"""Figures of a search: heat map of two columns, parallel coordinates of all."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.plotting.theme import FAKE, SCALE, empty, label_cells, note, short, styled
from aletheia.training.search_plan import Selector

_CHANCE = float(np.log(2))
_TITLES = {"learning_rate": "learning rate", "batch_size": "batch size (images per step)"}
_PARALLEL = "Parallel coordinates of the grid"
_MOST_LEVELS = 12  # of an axis of the heat map; more become ranges
_RANGES = 6
_FLAT = 3  # columns whose names fit beside each other over the axes of parallel coordinates


def grid_figures(
    cells: pd.DataFrame, pair: Sequence[str] | None = None, selector: str = "min.loss"
) -> dict[str, go.Figure]:
    """Draw a search: heat_map and parallel_coordinates of the validation loss.

    Parameters
    ----------
    cells : DataFrame
        MLRun's table of iterations: output.loss, and the value of each column as output.best_COLUMN, or
        param.learning_rate and param.batch_size; or the same without the prefixes. A loss that is not finite marks a
        cell that diverged. With a column output.stopped that is not 0, and output.epochs, a cell is marked as stopped.
    pair : sequence of str, optional
        The two columns of the heat map; by default the first two that vary. Where there are others, a field shows the
        best cell over them.
    selector : str
        By which result the best cell, which the star marks, was chosen.

    Raises
    ------
    InputError
        When a column is missing or there is no cell.
    """
    columns = _columns(cells)
    loss = _find(cells, "output.", "loss")
    missing = [*(name for name, values in columns.items() if values is None), *(["loss"] if loss is None else [])]
    if missing or loss is None:
        raise InputError(f"The grid's table lacks {', '.join(missing)}; it has {', '.join(map(str, cells.columns))}.")
    if not len(cells):
        raise InputError("The grid has no cells, so there is nothing to draw.")
    factors = pd.DataFrame({name: _levels(values) for name, values in columns.items() if values is not None})
    loss = pd.to_numeric(loss, errors="coerce")
    loss = loss.where(np.isfinite(loss))
    zero = pd.Series(0, cells.index)
    stopped, epochs = (
        pd.to_numeric(zero if (found := _find(cells, "output.", name)) is None else found, errors="coerce")
        for name in ("stopped", "epochs")
    )
    stopped_after = epochs.where(stopped > 0, 0).fillna(0)
    best = _best(cells, loss, Selector.parse(selector))
    return {
        "heat_map": _heat_map(factors, loss, stopped_after, best, _choose(factors, pair)),
        "parallel_coordinates": _parallel(factors, loss),
    }


def _columns(cells: pd.DataFrame) -> dict[str, pd.Series | None]:
    """Find the columns of a search and their values, None where the table lacks them."""
    names = [
        name.removeprefix("output.").removeprefix("best_")
        for name in map(str, cells.columns)
        if name.removeprefix("output.").startswith("best_")
    ]
    # A parameter and a result may have the same name: epochs, of all cells and of this one.
    return {
        name: found if (found := _find(cells, "output.", f"best_{name}")) is not None else _find(cells, "param.", name)
        for name in names or ("learning_rate", "batch_size")
    }


def _best(cells: pd.DataFrame, loss: pd.Series, selector: Selector) -> int:
    """Return the place of the best cell, -1 when there is none."""
    found = loss if selector.name == "loss" else _find(cells, "output.", selector.name)
    if found is None:
        raise InputError(f"The grid's table lacks {selector.name}, by which the best cell was chosen.")
    values = pd.to_numeric(found, errors="coerce").to_numpy(dtype=float)
    values = np.where(np.isfinite(values), values if selector.is_min else -values, np.inf)
    return int(values.argmin()) if np.isfinite(values).any() else -1


def _choose(factors: pd.DataFrame, pair: Sequence[str] | None) -> tuple[str, str]:
    if pair is None:
        names = [*(n for n in factors if factors[n].nunique() > 1), *(n for n in factors if factors[n].nunique() == 1)]
        chosen = [name for name in factors if name in names[:2]]
        return (chosen[0], chosen[-1])
    if len(pair) != 2 or any(name not in factors for name in pair):
        raise InputError(f"pair: the heat map takes two columns of {', '.join(factors)}, not {', '.join(pair)}.")
    return (pair[0], pair[1])


def _heat_map(
    factors: pd.DataFrame, loss: pd.Series, stopped_after: pd.Series, best: int, pair: tuple[str, str]
) -> go.Figure:
    (y, rows), (x, columns) = _axis(factors[pair[0]]), _axis(factors[pair[1]])
    if pair[0] == pair[1]:  # a search of one column
        x, columns = np.zeros(len(x), dtype=np.int64), [""]
    shape = (len(rows), len(columns))
    z, stopped, tried = np.full(shape, np.nan), np.zeros(shape), np.zeros(shape, dtype=bool)
    for i in np.argsort(-loss.fillna(np.inf).to_numpy(), kind="stable"):  # the best of a field is written last
        z[y[i], x[i]], stopped[y[i], x[i]], tried[y[i], x[i]] = loss.iloc[i], stopped_after.iloc[i], True
    low, high = _colour_range(z)
    names = [[[row, column] for column in columns] for row in rows]
    titles = [_title(name) for name in pair]
    hover = f"{titles[0]} %{{customdata[0]}}, {titles[1]} %{{customdata[1]}}: %{{z:.4f}}<extra></extra>"
    figure = go.Figure(
        go.Heatmap(
            z=z, x=list(range(len(columns))), y=list(range(len(rows))), customdata=names, colorscale=SCALE,
            zmin=low, zmax=high, xgap=2, ygap=2, colorbar={"title": "validation<br>loss (nats)"}, hovertemplate=hover,
        )
    )  # fmt: skip
    for i, j in np.argwhere(tried):
        is_finite = np.isfinite(z[i, j])
        text = f"{z[i, j]:.3f}" if is_finite else "diverged"
        if best >= 0 and (i, j) == (y[best], x[best]):
            text = f"<b>★ {text}</b>"
        if is_finite and stopped[i, j] > 0:
            text += f"<br><i>stopped after {int(stopped[i, j])}</i>"
        is_dark = is_finite and z[i, j] < (low + high) / 2
        colour = "white" if is_dark else "black" if is_finite else FAKE
        figure.add_annotation(x=int(j), y=int(i), text=text, showarrow=False, font={"color": colour, "size": 14})
    axes = ("", titles[0]) if pair[0] == pair[1] else (titles[1], titles[0])
    styled(figure, "Validation loss over the grid", *axes, height=480)
    label_cells(figure, columns, rows)
    more = "; the best over the other columns" if factors.shape[1] > 2 else ""
    return note(figure, f"Dark is good, the star is best{more}; {_CHANCE:.3f} is a coin toss.")


def _axis(column: pd.Series) -> tuple[Array, list[str]]:
    """Return each cell's place on an axis of the heat map, and the places' labels; many numbers become ranges."""
    values = sorted(column.unique())
    if len(values) <= _MOST_LEVELS or not pd.api.types.is_numeric_dtype(column):
        return np.array([values.index(value) for value in column]), [_label(value) for value in values]
    spread = np.log(column) if values[0] > 0 else column
    edges = np.linspace(spread.min(), spread.max(), _RANGES + 1)
    places = np.clip(np.searchsorted(edges, spread, side="right") - 1, 0, _RANGES - 1)
    ends = np.exp(edges) if values[0] > 0 else edges
    return places, [f"{low:.2g} – {high:.2g}" for low, high in itertools.pairwise(ends)]


def _parallel(factors: pd.DataFrame, loss: pd.Series) -> go.Figure:
    losses = loss.to_numpy(dtype=float)
    if len(losses) == 1:  # of which plotly draws no line
        found = f"its validation loss is {losses[0]:.3f} nats" if np.isfinite(losses[0]) else "it diverged"
        return empty(_PARALLEL, f"The search has one cell, so there is nothing to compare: {found}.")
    low, high = _colour_range(losses)
    clipped = np.where(np.isfinite(losses), np.minimum(losses, high), high)
    ticks = np.linspace(low, high, 5)
    is_clipped = bool((~np.isfinite(losses)).any() or np.nanmax(losses, initial=low) > high)
    longest = max(6, min(30, 60 // factors.shape[1]))  # characters of a value that fit between two axes
    is_crowded = factors.shape[1] > _FLAT
    figure = go.Figure(
        go.Parcoords(
            labelangle=-25 if is_crowded else 0,
            line={
                "color": clipped,
                "colorscale": SCALE,
                "cmin": low,
                "cmax": high,
                "showscale": True,
                "colorbar": {"title": "loss (nats)"},
            },
            dimensions=[
                *(_factor(n, factors[n], longest) for n in factors),
                {
                    "label": "loss (nats)" if is_crowded else "validation loss (nats)",
                    "values": clipped,
                    "range": [low, high],
                    "tickvals": ticks,
                    "ticktext": [f"{t:.3f}" for t in ticks[:-1]] + [("≥ " if is_clipped else "") + f"{ticks[-1]:.3f}"],
                },
            ],
        )
    )
    styled(figure, _PARALLEL, height=550 if is_crowded else 460)
    figure.update_layout(margin={"l": 90, "r": 60, "t": 200 if is_crowded else 110, "b": 40})
    if is_clipped:
        note(figure, "Cells that diverged, or did much worse than chance, end at the top of the last axis.")
    return figure


def _title(name: str) -> str:
    return _TITLES.get(name, name.replace("_", " "))


def _find(cells: pd.DataFrame, prefix: str, name: str) -> pd.Series | None:
    """Return a column of MLRun's table, or of the same without prefixes."""
    return cells.get(f"{prefix}{name}", cells.get(name))


def _levels(column: pd.Series) -> pd.Series:
    """Return the values of a factor as numbers if all of them are, else as texts."""
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if np.isfinite(numbers).all() else column.astype(str)


def _factor(name: str, column: pd.Series, longest: int) -> dict[str, Any]:
    """Return an axis of parallel coordinates: logarithmic for positive numbers, else evenly spaced."""
    values = sorted(column.unique())
    numeric = pd.api.types.is_numeric_dtype(column) and values[0] > 0
    places = {value: float(np.log10(value)) if numeric else float(i) for i, value in enumerate(values)}
    # More labels than this would lie over each other.
    shown = (
        values if len(values) <= _MOST_LEVELS else [values[i] for i in np.linspace(0, len(values) - 1, 7).astype(int)]
    )
    return {
        "label": short("batch size (images)" if name == "batch_size" else _title(name), max(16, 2 * longest // 3)),
        "values": [places[value] for value in column],
        "tickvals": [places[value] for value in shown],
        "ticktext": [unescape(_label(value, longest)) for value in shown],  # these are no markup
    }


def _label(value: object, longest: int = 24) -> str:
    """Label a value of a factor: numbers without superfluous digits, names short and escaped."""
    return f"{value:.4g}" if isinstance(value, int | float | np.number) else short(value, longest)


def _colour_range(losses: Array) -> tuple[float, float]:
    """Return the best and the worst loss, the latter not far above chance: one bad cell must not fade the others."""
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return 0.0, _CHANCE
    low = float(finite.min())
    high = min(float(finite.max()), max(1.2 * _CHANCE, 1.5 * low))
    return low, high if high > low else low + 1e-3
