"""One progress bar for a whole training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from aletheia.core.progress import tqdm

if TYPE_CHECKING:
    from aletheia.training.module import Detector


class EpochBar(Callback):
    """One line: steps done, epoch, the last validation loss and AUC."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar, at the step where a resumed training goes on."""
        self._bar = tqdm(
            total=int(trainer.estimated_stepping_batches),
            initial=trainer.global_step,
            desc="Training",
            unit="step",
            disable=not trainer.is_global_zero,
        )

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Count a step."""
        if self._bar is not None:
            self._bar.update(1)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the results of the validation."""
        if self._bar is not None:
            row = cast("Detector", pl_module).history[-1]  # Lightning's signature names the base class
            losses = f"val_loss {row['val_loss']:.4f}, val_auc {row['val_auc']:.3f}"
            self._bar.set_postfix_str(f"epoch {row['epoch']}/{trainer.max_epochs}, {losses}", refresh=False)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Close the bar, after an error too."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
