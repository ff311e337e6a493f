"""Bug 4: a plateau scheduler that was stepped with a constant and so never saw the metric."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.training.fit import fit_network


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    table = []
    for index in range(24):
        path = folder / f"{index}.png"
        cv2.imwrite(str(path), np.full((32, 32, 3), 10 * index, dtype=np.uint8))
        table.append({"path": str(path), "label": "fake" if index % 2 else "real"})
    frame = pd.DataFrame(table)
    return frame.iloc[:16], frame.iloc[16:]


def learning_rates(rows, losses, monkeypatch) -> list[float]:
    """Learning rates of the epochs of a training whose validation losses are these."""
    given = iter(losses)
    monkeypatch.setattr("aletheia.training.module.mean_loss", lambda *_: next(given))
    config = {
        "image_size": 32,
        "options": {"width": 4},
        "batch_size": 8,
        "max_epochs": len(losses),
        "patience": 100,
        "schedule": "plateau",
        "plateau_patience": 1,
        "learning_rate": 0.01,
        "num_threads": 1,
    }
    return fit_network(config, *rows, progress=False).history["learning_rate"].tolist()


def test_plateau_halves_rate_without_improvement(rows, monkeypatch):
    rates = learning_rates(rows, [0.7, 0.6, 0.8, 0.8, 0.8, 0.8], monkeypatch)
    # Two epochs without improvement (patience 1) after the second: halved for the fifth.
    assert rates == pytest.approx([0.01, 0.01, 0.01, 0.01, 0.005, 0.005])


def test_plateau_keeps_rate_while_improving(rows, monkeypatch):
    assert learning_rates(rows, [0.7, 0.6, 0.5, 0.4, 0.3, 0.2], monkeypatch) == pytest.approx([0.01] * 6)
