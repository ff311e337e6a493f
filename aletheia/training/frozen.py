"""Training of the head alone, on features of a backbone that keeps its weights.

A logistic regression on fixed features has one minimum, which is found at once: there are no steps and no epochs. The
features of a face are computed once, see `aletheia.models.feature_cache`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.imaging.transforms import augmented
from aletheia.models.feature_cache import cached_features
from aletheia.models.linear_head import linear_head, set_linear_head
from aletheia.training.config import TrainConfig
from aletheia.training.data import FaceData, PixelDataset, mix_seed
from aletheia.training.epoch_metrics import HISTORY, NAMES, epoch_metrics, mean_loss
from aletheia.training.fault_injection import faulty_pixels
from aletheia.training.fit_result import CHECKPOINT, FitResult
from aletheia.training.logistic import fit_logistic
from aletheia.training.module import as_network, initialise


def fit_frozen(
    config: TrainConfig,
    data: FaceData,
    out_dir: str | Path | None,
    *,
    progress: bool = False,
    on_epoch: Callable[[dict[str, float]], None] | None = None,
) -> FitResult:
    """Fit the head of a network; arguments and result as of `aletheia.training.fit.fit_network`.

    The history has one row. Nothing needs a checkpoint: the same training gives the same head within seconds.

    Raises
    ------
    InputError
        When the network does not end in one linear layer behind a backbone; for a GPU where there is none.
    """
    if config.accelerator == "gpu" and not torch.cuda.is_available():
        raise InputError("accelerator is gpu, but no GPU is found on this machine: choose auto or cpu.")
    started = time.perf_counter()
    detector = initialise(config, data.class_counts)
    net = as_network(detector)
    head = linear_head(net, config.architecture)
    has_gpu = torch.cuda.is_available() and config.accelerator != "cpu"
    device = "cuda" if has_gpu else "cpu"
    train, val = data.sets["train"], data.sets["val"]
    views = [cached_features(net, head, crops, device, progress=progress) for crops in _training_views(config, train)]
    val_features = cached_features(net, head, np.asarray(val.pixels.array), device, progress=progress)

    labels = train.labels.numpy()
    weights = detector.class_weights.numpy()[labels.astype(int)] * train.weights.numpy()
    targets = config.targets(labels)
    copies = len(views)
    coefficients, intercept = fit_logistic(
        np.concatenate(views), np.tile(targets, copies), np.tile(weights, copies), config.weight_decay
    )
    set_linear_head(head, coefficients, intercept)

    logits, val_logits = (x @ coefficients + intercept for x in (views[0], val_features))
    losses = np.logaddexp(0, logits) - targets * logits
    val_labels = val.labels.numpy()
    parts = {"train": epoch_metrics(labels, logits), "val": epoch_metrics(val_labels, val_logits)}
    row = {
        "epoch": 1,
        "train_loss": float(np.average(losses, weights=weights)),
        "val_loss": mean_loss(val_labels, val_logits, config.class_weight == "balanced"),
        **{f"{part}_{name}": parts[part][name] for name in NAMES for part in parts},
        "learning_rate": 0.0,
        "seconds": time.perf_counter() - started,
        "waited": 0.0,
    }
    if on_epoch is not None:
        on_epoch(dict(row))
    if out_dir is not None:
        Path(out_dir).mkdir(parents=True, exist_ok=True)
    return FitResult(
        val_loss=row["val_loss"],
        best_epoch=1,
        history=pd.DataFrame([row], columns=list(HISTORY)),
        model=net,
        checkpoint=None if out_dir is None else Path(out_dir) / CHECKPOINT,
        seconds=row["seconds"],
        val_labels=val_labels,
        val_logits=val_logits.astype(np.float32),
        val_rows=val.pixels.rows,
        skipped=data.skipped,
        config=config,
    )


def _training_views(config: TrainConfig, train: PixelDataset) -> list[Array]:
    """Return the training faces (n, size, size, 3) uint8, and `feature_views` augmented copies of them."""
    pixels = torch.from_numpy(np.array(train.pixels.array))
    generator = torch.Generator().manual_seed(mix_seed(config.seed))
    faces = faulty_pixels(pixels, config.fault, config.fault_share, generator).numpy()
    seeds = [mix_seed(config.seed, view + 1) for view in range(config.feature_views)]
    return [faces, *(augmented(faces, config.augmentation, seed) for seed in seeds)]
