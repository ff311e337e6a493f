"""The same recipe trained several times, so that luck in the start and in the order of the rows can be seen.

Trainings that differ in their seed alone can differ by more than the interval of any one of them, which knows of the
test rows only (X. Bouthillier et al., "Accounting for Variance in Machine Learning Benchmarks", MLSys 2021). The one
with the median validation loss is released: the best of several is partly the luckiest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.models.model_files import MAX_WEIGHTS_BYTES, check_model_file
from aletheia.models.state_dict import check_header
from aletheia.training.checkpoint import checkpoint_folder
from aletheia.training.config import TrainConfig
from aletheia.training.fit import fit_network
from aletheia.training.fit_result import FitResult

#: Seeds that can be trained and scored, at most.
MOST_SEEDS = 20
_KEY = "trainings"
_MOST_METADATA = 10_000  # characters


class OtherTraining(NamedTuple):
    """A training that differs from the released one in its seed alone: seed, validation loss, weights by name."""

    seed: int
    val_loss: float
    weights: dict[str, torch.Tensor]


def fit_seeds(
    config: TrainConfig, train: pd.DataFrame, val: pd.DataFrame, seeds: int = 1, *, progress: bool = True
) -> list[FitResult]:
    """Train with `config.seed` and the numbers that follow it; each training is resumed where it was interrupted.

    Parameters
    ----------
    config : TrainConfig
    train, val : DataFrame
        Manifests.
    seeds : int
        Trainings, from 1 to `MOST_SEEDS`.
    progress : bool
        Show progress bars.

    Returns
    -------
    list of FitResult
        In the order of the seeds.

    Raises
    ------
    InputError
        When `seeds` is out of range, and as `fit_network` does.
    """
    if not 1 <= seeds <= MOST_SEEDS:
        raise InputError(f"seeds is {seeds}; between 1 and {MOST_SEEDS} trainings of a recipe are possible.")
    results = []
    for seed in range(config.seed, config.seed + seeds):
        one = config.model_copy(update={"seed": seed})
        results.append(fit_network(one, train, val, checkpoint_folder(one, train, val), resume=True, progress=progress))
    return results


def median_training(results: Sequence[FitResult]) -> FitResult:
    """Return the training with the median validation loss; of an even number, the better of the two in the middle."""
    return sorted(results, key=lambda result: result.val_loss)[(len(results) - 1) // 2]


def save_others(path: str | Path, results: Sequence[FitResult], released: FitResult) -> Path:
    """Write the weights of the trainings that are not released into one safetensors file.

    Raises
    ------
    InputError
        When the disk is full.
    """
    others = [result for result in results if result is not released]
    tensors = {
        f"{number}/{name}": value.detach().cpu().contiguous()
        for number, result in enumerate(others)
        for name, value in result.model.state_dict().items()
    }
    facts = [{"seed": result.config.seed, "val_loss": float(result.val_loss)} for result in others]
    with atomic_write(Path(path)) as file:
        file.write(save(tensors, {_KEY: json.dumps(facts)}))
    return Path(path)


def load_others(path: str | Path) -> list[OtherTraining]:
    """Read the trainings that `save_others` wrote; the file may come from elsewhere.

    Raises
    ------
    InputError
        When it is no such file.
    """
    path = Path(path)
    check_model_file(path, MAX_WEIGHTS_BYTES * MOST_SEEDS)
    check_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY, "")
            facts: list[dict[str, float]] = json.loads(text[:_MOST_METADATA])
            names = list(file.keys())
            others = [
                OtherTraining(
                    int(fact["seed"]),
                    float(fact["val_loss"]),
                    {
                        name.partition("/")[2]: file.get_tensor(name)
                        for name in names
                        if name.partition("/")[0] == str(number)
                    },
                )
                for number, fact in enumerate(facts[:MOST_SEEDS])
            ]
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} does not hold the trainings of other seeds ({error}).") from None
    return others
