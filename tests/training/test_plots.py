"""Figures of a training and of a grid."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.training.epoch_metrics import NAMES
from aletheia.training.plots import curve_figures, grid_figures

HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "train_loss": [0.7, 0.5, 0.3],
        "val_loss": [0.7, 0.4, 0.6],
        **{f"{part}_{name}": [0.5, 0.8, 0.7] for part in ("train", "val") for name in NAMES},
        "learning_rate": [1e-3, 5e-4, 1e-5],
        "seconds": [1.0, 1.0, 1.0],
    }
)


def grid(losses) -> pd.DataFrame:
    cells = [(rate, size) for rate in (1e-4, 1e-3, 1e-2) for size in (8, 16)]
    table = pd.DataFrame(cells, columns=["param.learning_rate", "param.batch_size"])
    return table.assign(**{"output.loss": losses, "state": "completed"})


def texts(figure) -> str:
    return json.dumps(figure.to_dict()["layout"], default=str)


def test_curve_figures_epochs():
    figures = curve_figures(HISTORY)
    assert list(figures) == ["loss_curve", "auc_curve", "decision_curves", "learning_rate_curve"]
    train, val = figures["loss_curve"].data
    assert list(train.y) == [0.7, 0.5, 0.3] and list(val.y) == [0.7, 0.4, 0.6]
    assert "kept: epoch 2" in texts(figures["loss_curve"])
    drawn = [(trace.name, trace.xaxis) for trace in figures["decision_curves"].data]
    assert drawn == [(name, axis) for axis in ("x", "x2", "x3", "x4") for name in ("training", "validation")]
    assert [trace.name for trace in figures["auc_curve"].data] == ["training", "validation"]
    for name, figure in figures.items():
        assert figure.layout.title.text
        assert name == "decision_curves" or (figure.layout.xaxis.title.text and figure.layout.yaxis.title.text)


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
