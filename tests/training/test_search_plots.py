"""Figures of a search, against its table."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.training.search_plots import grid_figures


def grid(losses) -> pd.DataFrame:
    cells = [(rate, size) for rate in (1e-4, 1e-3, 1e-2) for size in (8, 16)]
    table = pd.DataFrame(cells, columns=["param.learning_rate", "param.batch_size"])
    return table.assign(**{"output.loss": losses, "state": "completed"})


def test_grid_figures_heat_map():
    losses = [0.6, 0.5, 0.4, 0.3, float("inf"), 0.9]
    heat = grid_figures(grid(losses))["heat_map"]
    trace = heat.data[0]
    assert heat.layout.xaxis.ticktext == ("8", "16") and heat.layout.yaxis.ticktext == ("0.0001", "0.001", "0.01")
    assert (list(trace.x), list(trace.y)) == (list(heat.layout.xaxis.tickvals), list(heat.layout.yaxis.tickvals))
    np.testing.assert_array_equal(np.array(trace.z, dtype=float), [[0.6, 0.5], [0.4, 0.3], [np.nan, 0.9]])
    notes = {(a.x, a.y): a.text for a in heat.layout.annotations if a.y in trace.y}
    assert "★ 0.300" in notes[1, 1]
    assert notes[0, 2] == "diverged"
    assert sum("★" in text for text in notes.values()) == 1


def test_grid_figures_mark_stopped_cells():
    table = grid([0.6, 0.5, 0.4, 0.3, float("inf"), 0.9]).assign(
        **{"output.stopped": [1, 1, 0, 0, 0, 1], "output.epochs": [1, 2, 3, 3, 1, 1], "param.epochs": 3}
    )
    texts = [note.text for note in grid_figures(table)["heat_map"].layout.annotations]
    assert [text.partition("<br><i>")[2] for text in texts[:6]] == [
        "stopped after 1</i>", "stopped after 2</i>", "", "", "", "stopped after 1</i>",
    ]  # fmt: skip


def test_grid_figures_parallel_coordinates():
    lines = grid_figures(grid([0.6, 0.5, 0.4, 0.3, float("inf"), 0.9]))["parallel_coordinates"].data[0]
    assert [d.label for d in lines.dimensions] == ["learning rate", "batch size (images)", "validation loss (nats)"]
    assert all(len(d["values"]) == 6 and np.isfinite(d["values"]).all() for d in lines.dimensions)
    assert lines.dimensions[0].ticktext == ("0.0001", "0.001", "0.01")


@pytest.mark.parametrize("losses", [[float("inf")] * 6, [0.5] * 6, ["0.5", "inf", "nan", "0.4", "0.4", "0.4"]])
def test_grid_figures_degenerate(losses):
    for figure in grid_figures(grid(losses)).values():
        assert "NaN" not in json.dumps(figure.layout.to_plotly_json(), default=str)
        figure.to_json()


def test_grid_figures_columns():
    plain = grid([0.5] * 6).rename(columns=lambda c: c.split(".")[-1])
    assert len(grid_figures(plain)["heat_map"].data) == 1
    with pytest.raises(InputError, match="batch_size"):
        grid_figures(plain.drop(columns="batch_size"))
    with pytest.raises(InputError, match="no cells"):
        grid_figures(plain.iloc[:0])


def three_columns() -> pd.DataFrame:
    points = list(itertools.product([1e-3, 1e-2], [8, 16], ["sgd", "adam", "adamw"]))
    table = pd.DataFrame(points, columns=[f"output.best_{n}" for n in ("learning_rate", "batch_size", "optimizer")])
    rng = np.random.default_rng(0)
    return table.assign(**{"output.loss": rng.random(12), "output.auc": rng.random(12), "param.epochs": 3})


@pytest.mark.parametrize(("pair", "selector"), [(None, "min.loss"), (["optimizer", "batch_size"], "max.auc")])
def test_grid_figures_more_columns(pair, selector):
    table = three_columns()
    figures = grid_figures(table, pair, selector)
    names = pair or ["learning_rate", "batch_size"]
    y, x = (f"output.best_{name}" for name in names)
    expected = table.pivot_table(index=y, columns=x, values="output.loss", aggfunc="min")
    heat = figures["heat_map"]
    np.testing.assert_allclose(np.array(heat.data[0].z, dtype=float), expected.to_numpy())
    order, _, name = selector.partition(".")
    best = table.loc[getattr(table[f"output.{name}"], f"idx{order}")()]
    star = next(note for note in heat.layout.annotations if "★" in note.text)
    assert (expected.index[star.y], expected.columns[star.x]) == (best[y], best[x])
    assert len(figures["parallel_coordinates"].data[0].dimensions) == 4


def test_grid_figures_of_one_column_and_of_many_values():
    rates = np.geomspace(1e-4, 1e-1, 40)
    table = pd.DataFrame({"output.best_learning_rate": rates, "output.loss": np.arange(40) / 100 + 0.1})
    heat = grid_figures(table)["heat_map"]
    assert np.array(heat.data[0].z).shape == (6, 1)
    np.testing.assert_allclose(np.array(heat.data[0].z, dtype=float)[0, 0], 0.1)
    assert heat.layout.yaxis.ticktext[0] == "0.0001 – 0.00032"


@pytest.mark.parametrize(
    ("pair", "selector", "says"),
    [(["seed", "batch_size"], "min.loss", "two columns of learning_rate"), (None, "max.f1", "lacks f1")],
)
def test_grid_figures_refuse(pair, selector, says):
    with pytest.raises(InputError, match=says):
        grid_figures(three_columns(), pair, selector)


@pytest.mark.parametrize(("loss", "words"), [(0.6, "its validation loss is 0.600 nats"), (float("inf"), "it diverged")])
def test_grid_figures_of_one_cell_say_so_in_place_of_parallel_coordinates(loss, words):
    one = pd.DataFrame({"output.best_learning_rate": [1e-3], "output.best_batch_size": [16], "output.loss": [loss]})
    figure = grid_figures(one)["parallel_coordinates"]
    text = figure.layout.annotations[0].text.replace("<br>", " ")
    assert not figure.data and "one cell" in text and words in text
