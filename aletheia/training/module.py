"""The Lightning module: loss, optimiser, schedule and the metrics of an epoch."""

from __future__ import annotations

import math
import time
from typing import Any, cast

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.lr_scheduler import ReduceLROnPlateau

from aletheia.core.errors import InputError
from aletheia.imaging.transforms import IMAGENET_MEAN, IMAGENET_STD, augment_batch, normalise
from aletheia.models.network import backbone_stages
from aletheia.models.pretrained import backbone_parameters
from aletheia.models.registry import create_model
from aletheia.training.batch_norm import has_batch_norm, measure_batch_norm
from aletheia.training.config import TrainConfig
from aletheia.training.data import Batch, FaceData, mix_seed, rank_seed
from aletheia.training.distributed import all_gather, share_threads
from aletheia.training.epoch_metrics import NAMES as METRICS
from aletheia.training.epoch_metrics import EpochRows, epoch_metrics, mean_loss, merged
from aletheia.training.fault_injection import faulty_pixels, skips_gradient
from aletheia.training.optimiser import build_optimizer, one_cycle, plateau


class DivergedError(InputError):
    """The loss became NaN or infinite. A grid search scores such a cell infinite and goes on."""


class Detector(pl.LightningModule):
    """A network of the registry with its training recipe.

    Parameters
    ----------
    config : TrainConfig
        The recipe.
    class_counts : tuple of int
        Real and fake training rows, for the class weights.

    Attributes
    ----------
    history : list of dict
        One entry an epoch: epoch (from 1), train_loss, val_loss, for both sets accuracy, precision, recall, f1 and auc
        (see `aletheia.training.epoch_metrics`), learning_rate (of the last step), seconds, and waited: the seconds of
        these in which the network had no batch to work on.
    """

    class_weights: torch.Tensor

    def __init__(self, config: TrainConfig, class_counts: tuple[int, int]) -> None:
        super().__init__()
        self.config = config
        self.net = create_model(config.architecture, weights=config.weights, **config.options)
        self.net.to(memory_format=torch.channels_last)
        self.backbone = backbone_parameters(self.net)
        if config.freeze_epochs and not self.backbone:
            raise InputError(f"freeze_epochs: {config.architecture} has no backbone to freeze; leave it at 0.")
        self.frozen_stages = frozen_stages(self.net, config)
        balanced = config.class_weight == "balanced"
        total = sum(class_counts)
        # Weights average to 1 over the training rows, so the learning rate means the same with and without them.
        weights = [total / (2 * count) for count in class_counts] if balanced else [1.0, 1.0]
        self.register_buffer("class_weights", torch.tensor(weights), persistent=False)
        self.history: list[dict[str, float]] = []
        self._train, self._val = EpochRows(), EpochRows()
        self._skips_step = False
        self._started = self._idle_since = time.perf_counter()
        self._waited = 0.0

    # One pass of images through the network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map pixels (B, H, W, 3) uint8 to logits (B,)."""
        logits: torch.Tensor = self.net(normalise(pixels, IMAGENET_MEAN, IMAGENET_STD))
        return logits

    # Training

    @property
    def _data(self) -> FaceData:
        return cast(FaceData, self.trainer.datamodule)  # type: ignore[attr-defined]  # Lightning adds it in `fit`

    @property
    def is_frozen(self) -> bool:
        """Whether the backbone keeps its weights and batch-norm statistics in this epoch."""
        return self.current_epoch < self.config.freeze_epochs

    def on_fit_start(self) -> None:
        """Share the cores with the other processes, and make sure that all of them read the same faces."""
        share_threads(self.trainer, self.config.num_threads)
        if self.trainer.world_size > 1 and len(set(all_gather(self._data.fingerprint(), self.trainer))) > 1:
            raise InputError(
                "The processes of this training do not read the same faces: a file is missing or differs on one of the "
                "machines. Bring the data to all of them, or to a folder that they share."
            )

    def on_train_epoch_start(self) -> None:
        """Freeze or unfreeze the backbone by the epoch alone, so that a resumed training does the same."""
        for parameter in self.backbone:
            parameter.requires_grad_(not self.is_frozen)
        for stage in self.frozen_stages:
            stage.requires_grad_(False).eval()
        if self.is_frozen and isinstance(self.net.backbone, nn.Module):
            self.net.backbone.eval()
        self._started = self._idle_since = time.perf_counter()
        self._waited = 0.0

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Count the time since the last step as waiting for this batch."""
        self._waited += time.perf_counter() - self._idle_since

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Start to measure the time until the next batch."""
        self._idle_since = time.perf_counter()

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """Compute the mean weighted cross-entropy of a batch."""
        if batch_idx == 0:
            self._train = EpochRows()
        # Augmentation and dropout are functions of seed, epoch and batch: a resumed run draws the same numbers as an
        # uninterrupted one, whatever was drawn in between.
        pixels, labels, row_weights = batch
        config = self.config
        seed = mix_seed(config.seed, self.current_epoch, batch_idx)
        of_rank = rank_seed(self.global_rank, self.trainer.world_size)
        rank_dependent_seed = mix_seed(config.seed, self.current_epoch, batch_idx, *of_rank)
        torch.manual_seed(rank_dependent_seed)
        generator = torch.Generator().manual_seed(rank_dependent_seed)
        if config.augmentation in ("light", "strong"):
            pixels = augment_batch(pixels, generator, config.augmentation)
        pixels = faulty_pixels(pixels, config.fault, config.fault_share, generator)
        self._skips_step = skips_gradient(config.fault, config.fault_share, seed)
        logits = self(pixels)
        loss = self.loss(logits, labels, row_weights)
        value = loss.item()
        if not math.isfinite(value):
            raise self._diverged(f"the training loss is {value}", batch_idx)
        self._train.add(logits, labels, value)
        return loss

    def loss(self, logits: torch.Tensor, labels: torch.Tensor, row_weights: torch.Tensor | float = 1.0) -> torch.Tensor:
        """Compute the mean weighted cross-entropy of logits (B,) and labels (B,), these smoothed.

        The weights are those of the classes times those of the rows (B,).

        C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7.
        """
        weights = self.class_weights[labels.long()] * row_weights
        if self.config.fault == "wrong_loss":
            return (weights * (logits - labels).abs()).mean()
        targets = self.config.targets(labels)
        return binary_cross_entropy_with_logits(logits, targets, weight=weights)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Remove the gradients of a step that a fault skips."""
        if self._skips_step:
            for parameter in self.net.parameters():
                parameter.grad = None

    # Validation

    def on_validation_epoch_start(self) -> None:
        """Measure batch-norm statistics on training images that are, as in the validation, not augmented."""
        n_images = self.config.batch_norm_images
        if not n_images or self.is_frozen or not has_batch_norm(self.net, self.frozen_stages):
            return
        dataset = self._data.sets["train"]
        order = np.random.default_rng(self.config.seed).permutation(len(dataset))[:n_images]
        size = min(128, len(order))
        rows = [order[i : i + size] for i in range(0, len(order) - size + 1, size)]
        images = (torch.from_numpy(dataset.pixels.array[np.sort(r)]).to(self.device) for r in rows)
        measure_batch_norm(self.net, (normalise(image) for image in images), self.frozen_stages)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Keep logits and labels; the loss of the epoch is taken over samples, not over batches."""
        pixels, labels, _ = batch
        self._val.add(self(pixels), labels)

    def on_validation_epoch_end(self) -> None:
        """Log val_loss and val_auc and add the epoch to the history."""
        labels, logits = merged(all_gather(self._val, self.trainer)).arrays()
        train = merged(all_gather(self._train, self.trainer))
        self._val = EpochRows()
        loss = mean_loss(labels, logits, self.config.class_weight == "balanced")
        if not math.isfinite(loss):
            raise self._diverged(f"the validation loss is {loss}", None)
        # Both are functions of numbers that every batch size gives; see the regression test of bug 3.
        metrics = {"train": epoch_metrics(*train.arrays()), "val": epoch_metrics(labels, logits)}
        self.log_dict({"val_loss": loss, "val_auc": metrics["val"]["auc"]})
        self.history.append(
            {
                "epoch": self.current_epoch + 1,
                "train_loss": train.mean_loss(),
                "val_loss": loss,
                **{f"{part}_{name}": metrics[part][name] for name in METRICS for part in metrics},
                "learning_rate": float(self.trainer.optimizers[0].param_groups[0]["lr"]),
                "seconds": time.perf_counter() - self._started,
                "waited": self._waited,
            }
        )

        schedule = self.lr_schedulers()
        if isinstance(schedule, ReduceLROnPlateau):
            schedule.step(loss)

    # Optimiser and schedule

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Step a schedule that goes by the batch.

        Lightning would step a plateau schedule only after the checkpoint was written, so that a resumed run missed it;
        `on_validation_epoch_end` does it instead, with the loss in full precision.
        """
        if not isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Build the optimiser and, by the epoch or by the step, its schedule."""
        optimizer = build_optimizer(self.net, self.config)
        if self.config.schedule == "plateau":
            schedule = plateau(optimizer, self.config)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "val_loss"}}
        if self.config.schedule == "onecycle":
            cycle = one_cycle(optimizer, int(self.trainer.estimated_stepping_batches))
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}
        return {"optimizer": optimizer}

    # Checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the history, in plain types only, so that loading needs no unpickling of objects."""
        checkpoint["aletheia_history"] = [dict(row) for row in self.history]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the history."""
        self.history = [dict(row) for row in checkpoint["aletheia_history"]]

    def _diverged(self, symptom: str, batch_idx: int | None) -> DivergedError:
        config = self.config
        step = f"epoch {self.current_epoch + 1}" + ("" if batch_idx is None else f", batch {batch_idx + 1}")
        return DivergedError(
            f"The training diverged: {symptom} in {step} (learning_rate {config.learning_rate:g}, batch_size "
            f"{config.batch_size}). Lower learning_rate, or set gradient_clip."
        )


def frozen_stages(net: nn.Module, config: TrainConfig) -> list[nn.Module]:
    """Return the modules of the backbone that `config.trainable_stages` keeps as they came.

    Raises
    ------
    InputError
        For a network without stages, or with fewer.
    """
    if config.trainable_stages is None:
        return []
    stages, wanted = backbone_stages(net), config.trainable_stages
    if not stages:
        raise InputError(f"trainable_stages: {config.architecture} has no backbone to freeze; leave it out.")
    if wanted > len(stages):
        raise InputError(f"trainable_stages: {config.architecture} has {len(stages)} stages, not {wanted}.")
    return [module for stage in stages[: len(stages) - wanted] for module in stage]


def initialise(config: TrainConfig, class_counts: tuple[int, int]) -> Detector:
    """Build a detector whose random start depends on `config.seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return Detector(config, class_counts)


def as_network(detector: Detector) -> nn.Module:
    """Return the bare network on the CPU, in evaluation mode."""
    return detector.net.cpu().eval()
