"""Figures of a training and of a grid."""

from __future__ import annotations

import json

import pandas as pd

from aletheia.training.epoch_metrics import NAMES
from aletheia.training.plots import curve_figures

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
