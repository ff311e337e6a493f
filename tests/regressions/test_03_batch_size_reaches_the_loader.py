"""Bug 3: a grid search whose batch size never reached the loader, and a loss summed over batches, so larger won."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.training.config import TrainConfig
from aletheia.training.data import FaceData
from aletheia.training.epoch_metrics import mean_loss
from aletheia.training.fit import fit_network
from aletheia.training.module import Detector


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    rng = np.random.default_rng(0)
    table = []
    for index in range(60):
        path = folder / f"{index}.png"
        cv2.imwrite(str(path), rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
        table.append({"path": str(path), "label": "fake" if index % 3 else "real"})
    frame = pd.DataFrame(table)
    return frame.iloc[:37], frame.iloc[37:]


CONFIG = {"image_size": 32, "options": {"width": 4}, "max_epochs": 1, "num_threads": 1}


@pytest.mark.parametrize("batch_size", [3, 8, 16])
def test_fit_batch_size_reaches_training_step(rows, batch_size, monkeypatch):
    sizes = []
    step = Detector.training_step
    monkeypatch.setattr(
        Detector, "training_step", lambda self, batch, i: sizes.append(len(batch[1])) or step(self, batch, i)
    )
    fit_network({**CONFIG, "batch_size": batch_size}, *rows, progress=False)
    assert sizes == [batch_size] * (37 // batch_size)


def test_fit_val_loss_independent_of_eval_batch_size(rows):
    losses = [
        fit_network({**CONFIG, "batch_size": 8, "eval_batch_size": size}, *rows, progress=False).val_loss
        for size in (1, 4, 7, 23, 100)
    ]
    assert max(losses) - min(losses) < 1e-6


def test_fit_val_loss_is_a_mean(rows):
    result = fit_network({**CONFIG, "batch_size": 8, "eval_batch_size": 2}, *rows, progress=False)
    assert result.val_loss == pytest.approx(mean_loss(result.val_labels, result.val_logits, balanced=True), abs=1e-6)
    # Twice the rows, the same loss.
    double = fit_network(
        {**CONFIG, "batch_size": 8, "eval_batch_size": 2},
        rows[0],
        pd.concat([rows[1], rows[1]], ignore_index=True),
        progress=False,
    )
    assert double.val_loss == pytest.approx(result.val_loss, abs=1e-6)


def test_fit_batch_sizes_differ(rows):
    losses = {fit_network({**CONFIG, "batch_size": size}, *rows, progress=False).val_loss for size in (4, 8, 16)}
    assert len(losses) == 3
    assert FaceData(TrainConfig(image_size=32, batch_size=5), *rows).config.batch_size == 5
