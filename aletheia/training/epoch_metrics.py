"""Numbers of an epoch: loss, accuracy, precision, recall, F1 and AUC of the rows of a set."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from aletheia.core.arrays import Array
from aletheia.stats.curves import auc

#: Computed for both sets in each epoch, besides the loss; columns of the history as train_NAME and val_NAME.
NAMES = ("accuracy", "precision", "recall", "f1", "auc")
#: Columns of the history of a training.
HISTORY = (
    *("epoch", "train_loss", "val_loss"),
    *(f"{part}_{name}" for name in NAMES for part in ("train", "val")),
    *("learning_rate", "seconds", "waited"),
)


class EpochRows:
    """Loss, labels and logits of the batches of an epoch, collected as they come.

    Of the training set these are the logits of the steps: each batch by the weights before its own step, of augmented
    pictures and with dropout. A network that learns nothing by heart is thus a little better on the validation set.
    """

    def __init__(self) -> None:
        self.total = 0.0
        self.labels: list[torch.Tensor] = []
        self.logits: list[torch.Tensor] = []

    def add(self, logits: torch.Tensor, labels: torch.Tensor, loss: float = 0.0) -> None:
        """Add a batch: logits (B,), labels (B,), and its mean loss."""
        self.total += loss * len(labels)
        self.logits.append(logits.detach().float().cpu())
        self.labels.append(labels.cpu())

    def merge(self, other: EpochRows) -> None:
        """Add the batches of another process."""
        self.total += other.total
        self.labels += other.labels
        self.logits += other.logits

    def arrays(self) -> tuple[Array, Array]:
        """Return all labels (n,) and logits (n,) in double precision; empty without a batch."""
        if not self.labels:
            return np.empty(0), np.empty(0)
        return torch.cat(self.labels).numpy(), torch.cat(self.logits).double().numpy()

    def mean_loss(self) -> float:
        """Return the mean of the losses over rows, NaN without a row."""
        count = sum(map(len, self.labels))
        return self.total / count if count else math.nan


def merged(parts: list[Any]) -> EpochRows:
    """Join the rows of all processes, in the order of their ranks."""
    rows = EpochRows()
    for part in parts:
        rows.merge(part)
    return rows


def epoch_metrics(labels: Array, logits: Array) -> dict[str, float]:
    """Compute the metrics of :data:`NAMES`, fake being the positive class, from a probability of 0.5 on.

    Parameters
    ----------
    labels : ndarray
        (n,), 1 for fake.
    logits : ndarray
        (n,).

    Returns
    -------
    dict
        NaN where a number is not defined: precision without a row called fake, recall without a fake, AUC with one
        class, F1 without either.
    """
    fake, called = labels == 1, logits >= 0
    tp, fp, fn = (int(np.sum(rows)) for rows in (fake & called, ~fake & called, fake & ~called))
    return {
        "accuracy": _ratio(int(np.sum(fake == called)), len(labels)),
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "auc": auc(labels, logits),
    }


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def mean_loss(labels: Array, logits: Array, balanced: bool) -> float:
    """Compute the cross-entropy in nats per sample.

    Parameters
    ----------
    labels : ndarray
        (n,), 1 for fake.
    logits : ndarray
        (n,).
    balanced : bool
        Mean of the two classes' means, so that the majority class cannot buy a small loss.
    """
    # log(1 + exp(x)) without overflow; labels 0 and 1 pick the sign.
    with np.errstate(invalid="ignore"):
        losses = np.logaddexp(0.0, np.where(labels == 1, -logits, logits))
    if not balanced:
        return float(losses.mean())
    return float((losses[labels == 0].mean() + losses[labels == 1].mean()) / 2)
