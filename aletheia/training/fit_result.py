"""What a training gives, however it was made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from torch import nn

from aletheia.core.arrays import Array
from aletheia.training.config import TrainConfig

CHECKPOINT = "last.ckpt"


@dataclass
class FitResult:
    """Result of a training.

    Attributes
    ----------
    val_loss : float
        Best mean validation loss, nats per sample.
    best_epoch : int
        Epoch that gave it, from 1.
    history : DataFrame
        One row an epoch: epoch, train_loss, val_loss, train_ and val_ accuracy, precision, recall, f1 and auc,
        learning_rate, seconds, waited.
    model : nn.Module
        The network of the best epoch, on the CPU, in evaluation mode.
    checkpoint : Path or None
        File to resume from; it also holds the best weights. With ``features=frozen`` none is written.
    seconds : float
        Wall-clock time of this call.
    val_labels, val_logits : ndarray
        (n,) labels (1 for fake) and logits of the best weights on the readable validation rows, for
        thresholds and calibration.
    val_rows : ndarray
        (n,) positions of these rows in the validation manifest.
    skipped : DataFrame
        Columns path, reason, split: rows that could not be read and were left out.
    config : TrainConfig
        The recipe.
    """

    val_loss: float
    best_epoch: int
    history: pd.DataFrame
    model: nn.Module
    checkpoint: Path | None
    seconds: float
    val_labels: Array
    val_logits: Array
    val_rows: Array
    skipped: pd.DataFrame
    config: TrainConfig
