"""The checkpoint of a training: one file, written atomically, read without unpickling objects.

It holds the last and the best weights: two files could disagree after a kill between writing one and the other.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import lightning.pytorch as pl
import pandas as pd
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import nn

from aletheia.core.errors import AletheiaError, InputError
from aletheia.core.files import atomic_write
from aletheia.core.paths import data_folder
from aletheia.datasets.manifest import manifest_hash
from aletheia.models.state_dict import read_archive
from aletheia.training.config import NOT_IDENTITY, TrainConfig

if TYPE_CHECKING:
    from aletheia.training.module import Detector

_REMEDY = "Delete it or name another folder to start from scratch (resume=False overwrites it)."


def checkpoint_folder(config: TrainConfig, train: pd.DataFrame, val: pd.DataFrame) -> Path:
    """Return the folder of the checkpoint of this configuration on this data.

    The same training finds it again after an interruption, in any run; another one never does.

    Parameters
    ----------
    config : TrainConfig
        The recipe.
    train, val : DataFrame
        The manifests.
    """
    text = config.model_dump_json(exclude=NOT_IDENTITY) + data_digest(train, val)
    return data_folder() / "checkpoints" / hashlib.sha256(text.encode()).hexdigest()[:20]


def data_digest(train: pd.DataFrame, val: pd.DataFrame) -> str:
    """Return the SHA-256 of two manifests: their content, and the paths in their order, which decides the batches."""
    digest = hashlib.sha256()
    for frame in (train, val):
        digest.update("\n".join([manifest_hash(frame), *frame["path"].astype(str)]).encode(errors="surrogateescape"))
    return digest.hexdigest()


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, written so that a kill in the middle leaves the previous one."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write to a temporary file beside `path`, flush, rename."""
        # Through memory: on a full disk torch's own writer reports an "unexpected pos" instead of the reason.
        content = io.BytesIO()
        torch.save(checkpoint, content)
        with atomic_write(path) as file:
            file.write(content.getbuffer())


class PausedError(AletheiaError):
    """The training has come to the epoch after which it was to pause; no error."""


class KeepBest(Checkpoint):
    """Keep the weights of the epoch with the smallest val_loss, and write the checkpoint after each epoch.

    Parameters
    ----------
    path : Path or None
        The checkpoint; None writes nothing.
    identity : dict
        Configuration and data of the training, kept in the file and compared on resume.
    on_epoch : callable, optional
        Called with the history's new row after each epoch.
    until : int, optional
        Raise `PausedError` after this epoch.
    """

    def __init__(
        self,
        path: Path | None,
        identity: dict[str, Any],
        on_epoch: Callable[[dict[str, float]], None] | None = None,
        until: int | None = None,
    ) -> None:
        self.path, self.identity, self.on_epoch, self.until = path, identity, on_epoch, until
        self.loss, self.epoch = math.inf, 0
        self.weights: dict[str, torch.Tensor] = {}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare, copy and save. Lightning calls this last, after early stopping."""
        detector = cast("Detector", pl_module)  # Lightning's signature names the base class
        row = detector.history[-1]
        if row["val_loss"] < self.loss:
            self.loss, self.epoch = row["val_loss"], int(row["epoch"])
            self.weights = {k: v.detach().cpu().clone() for k, v in detector.net.state_dict().items()}
        if self.path is not None:
            trainer.save_checkpoint(self.path)
        if self.on_epoch is not None:
            self.on_epoch(dict(row))
        if self.until is not None and row["epoch"] >= self.until:
            raise PausedError

    def state_dict(self) -> dict[str, Any]:
        """Return plain types and tensors only."""
        return {"loss": self.loss, "epoch": self.epoch, "weights": self.weights, "identity": self.identity}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state of the file."""
        self.loss, self.epoch, self.weights = state_dict["loss"], state_dict["epoch"], state_dict["weights"]

    def restore(self, net: nn.Module) -> None:
        """Load the best weights into `net`."""
        net.load_state_dict(self.weights)


def read_checkpoint(path: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """Read a checkpoint and make sure that it belongs to this training.

    Raises
    ------
    InputError
        When the file is damaged, is no checkpoint of this project, or comes from other data or another
        configuration.
    """
    try:
        state: dict[str, Any] = read_archive(path)
        saved = state["callbacks"]["KeepBest"]["identity"]
        _ = state["aletheia_history"][0]["val_loss"], saved["config"], saved["data"]
    except (InputError, KeyError, TypeError, IndexError, AttributeError) as error:
        reason = error if isinstance(error, InputError) else type(error).__name__
        raise InputError(f"The checkpoint {path} cannot be read ({reason}). {_REMEDY}") from None
    changed = [
        f"{key} was {saved['config'].get(key)!r}, now {value!r}"
        for key, value in identity["config"].items()
        if saved["config"].get(key) != value
    ]
    if changed:
        raise InputError(f"The checkpoint {path} comes from another configuration: {'; '.join(changed)}. {_REMEDY}")
    if saved["data"] != identity["data"]:
        raise InputError(f"The checkpoint {path} comes from other data. {_REMEDY}")
    return state
