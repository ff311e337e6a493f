"""How far trainings of one recipe differ that differ in their seed alone, on the same test rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.progress import tqdm
from aletheia.models.scoring import score_manifest
from aletheia.models.spec import ModelSpec
from aletheia.stats.curves import auc
from aletheia.training.seeds import load_others


@dataclass(frozen=True)
class TrainingSpread:
    """AUCs of several trainings of one recipe, the released one first.

    The interval of one AUC says how it would vary with other people in the test set; this is how it varies with other
    luck in training. Both are part of what a repetition of the experiment may give.

    Attributes
    ----------
    seeds : tuple of int
    val_losses, aucs : tuple of float
        Validation loss, by whose median the released one was chosen, and AUC on the test rows.
    """

    seeds: tuple[int, ...]
    val_losses: tuple[float, ...]
    aucs: tuple[float, ...]

    @property
    def deviation(self) -> float:
        """Standard deviation of the AUCs (n − 1 degrees of freedom); NaN of fewer than two."""
        return float(np.std(self.aucs, ddof=1)) if len(self.aucs) > 1 else math.nan

    def text(self) -> str:
        """Describe the spread in a sentence."""
        return (
            f"{len(self.aucs)} trainings that differ in their seed alone: AUC {min(self.aucs):.3f} to "
            f"{max(self.aucs):.3f}, standard deviation {self.deviation:.3f}; released is the one with the median "
            f"validation loss (seed {self.seeds[0]}), {self.aucs[0]:.3f}."
        )


def training_spread(
    network: nn.Module,
    spec: ModelSpec,
    others: str | Path,
    test: pd.DataFrame,
    probabilities: Array,
    *,
    progress: bool = True,
) -> TrainingSpread:
    """Score the test rows with the trainings of other seeds.

    Parameters
    ----------
    network, spec
        Of the released model. The network comes back as it was.
    others : path
        File of `aletheia.training.seeds.save_others`.
    test : DataFrame
        The test rows.
    probabilities : ndarray
        (n,) of the released model; NaN where it has none.
    progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        When the file does not hold weights of this network.
    """
    y = (test["label"] == "fake").to_numpy(np.float64)
    released = {name: value.clone() for name, value in network.state_dict().items()}
    seeds, losses = [spec.seed], [float(spec.metrics.get("val_loss") or math.nan)]
    aucs = [_auc(y, probabilities)]
    try:
        for other in tqdm(load_others(others), desc="Other seeds", unit="training", disable=not progress):
            try:
                network.load_state_dict(other.weights)
            except RuntimeError:
                raise InputError(f"{others} holds weights of another network than {spec.architecture}.") from None
            scored = score_manifest(network, spec, test, progress=False)
            seeds.append(other.seed)
            losses.append(other.val_loss)
            aucs.append(_auc(y, scored.logits))
    finally:
        network.load_state_dict(released)
    return TrainingSpread(tuple(seeds), tuple(losses), tuple(aucs))


def _auc(y: Array, scores: Array) -> float:
    known = np.isfinite(scores)
    return auc(y[known], scores[known].astype(np.float64))
