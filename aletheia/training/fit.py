"""Training of a network: early stopping, best weights by validation loss, exact resume."""

from __future__ import annotations

import contextlib
import logging
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pandas as pd
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping
from torch.multiprocessing.spawn import ProcessRaisedException

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.training.checkpoint import AtomicCheckpointIO, KeepBest, PausedError, read_checkpoint
from aletheia.training.config import NOT_IDENTITY, TrainConfig
from aletheia.training.data import FaceData
from aletheia.training.distributed import error_of_process, silence, started_elsewhere, trainer_options
from aletheia.training.epoch_metrics import HISTORY
from aletheia.training.fit_result import CHECKPOINT, FitResult
from aletheia.training.frozen import fit_frozen
from aletheia.training.module import Detector, DivergedError, as_network, initialise
from aletheia.training.progress import EpochBar

__all__ = ["DivergedError", "fit_network"]


def fit_network(
    config: TrainConfig | dict[str, Any],
    train: pd.DataFrame,
    val: pd.DataFrame,
    out_dir: str | Path | None = None,
    *,
    resume: bool = False,
    progress: bool = True,
    on_epoch: Callable[[dict[str, float]], None] | None = None,
    until: int | None = None,
) -> FitResult:
    """Train a network.

    Parameters
    ----------
    config : TrainConfig or dict
        The recipe.
    train, val : DataFrame
        Manifests with at least the columns path and label.
    out_dir : path, optional
        Folder for ``last.ckpt``, written after each epoch; None keeps everything in memory (a grid's cells).
    resume : bool, default False
        Continue from ``last.ckpt`` if there is one; the result is that of an uninterrupted run, bit for bit on a CPU
        with the same number of threads. An interrupted epoch starts again.
    progress : bool, default True
        Show progress bars.
    on_epoch : callable, optional
        Called with the history's new row after each epoch, once its checkpoint is written; with `config.devices`
        above 1 after the end of the training.
    until : int, optional
        Pause at the end of this epoch, with the best epoch so far as the result; ``resume=True`` goes on.

    Returns
    -------
    FitResult

    Raises
    ------
    InputError
        Bad configuration, unusable data, a batch larger than the data, or a checkpoint of another training.
    DivergedError
        The loss became NaN or infinite.
    """
    started = time.perf_counter()
    config = TrainConfig.parse(config)
    if resume and out_dir is None:
        raise InputError("resume: without out_dir there is no checkpoint to resume from.")
    if until is not None and (out_dir is None or config.devices > 1):
        raise InputError("until: a training can pause only with an out_dir, and with devices=1.")
    checkpoint = None if out_dir is None else Path(out_dir) / CHECKPOINT
    with _threads(config.num_threads), _quiet(), torch.random.fork_rng(devices=[]):
        data = FaceData(config, train, val, progress=progress)
        data.setup()
        if config.features == "frozen":
            return fit_frozen(config, data, out_dir, progress=progress, on_epoch=on_epoch)
        detector = initialise(config, data.class_counts)
        identity = {
            "config": config.model_dump(exclude=NOT_IDENTITY),
            "data": data.fingerprint(),
        }
        best = KeepBest(checkpoint, identity, on_epoch, until)
        stopper = EarlyStopping("val_loss", patience=config.patience, check_finite=False)
        state = None
        if resume and checkpoint is not None and checkpoint.exists():
            state = read_checkpoint(checkpoint, identity)
        if state is not None and _is_finished(state, config, stopper.state_key, until):
            detector.on_load_checkpoint(state)
            best.load_state_dict(state["callbacks"][best.state_key])
        else:
            callbacks = [stopper, best, *([EpochBar()] if progress else [])]
            resumed = checkpoint if state is not None else None
            if config.devices > 1 and not started_elsewhere():
                _run_spawned(callbacks, detector, data, resumed, best)
            else:
                _run(_trainer(config, callbacks, writes=checkpoint is not None), detector, data, resumed)
        best.restore(detector.net)
        model = as_network(detector)
        labels, logits = _score(detector, data)
    return FitResult(
        val_loss=best.loss,
        best_epoch=best.epoch,
        history=pd.DataFrame(detector.history, columns=list(HISTORY)),
        model=model,
        checkpoint=checkpoint,
        seconds=time.perf_counter() - started,
        val_labels=labels,
        val_logits=logits,
        val_rows=data.sets["val"].pixels.rows,
        skipped=data.skipped,
        config=config,
    )


def _trainer(config: TrainConfig, callbacks: list[Callback], writes: bool) -> pl.Trainer:
    try:
        return pl.Trainer(
            max_epochs=config.max_epochs,
            accelerator=config.accelerator,
            **trainer_options(config),
            precision=config.precision,
            callbacks=callbacks,
            gradient_clip_val=config.gradient_clip or None,
            plugins=[AtomicCheckpointIO()] if writes else None,
            # Everything that Lightning would write or print on its own is off; the history and KeepBest replace it.
            logger=False,
            enable_checkpointing=True,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
    except (MisconfigurationException, RuntimeError) as error:
        raise InputError(f"accelerator, precision: {error}") from None


def _run_spawned(
    callbacks: list[Callback], detector: Detector, data: FaceData, resumed: Path | None, best: KeepBest
) -> None:
    """Train in processes that end with the training, and read the result from the checkpoint."""
    with tempfile.TemporaryDirectory(prefix="aletheia-training-") as folder:
        on_epoch, path = best.on_epoch, best.path
        checkpoint = path or Path(folder) / CHECKPOINT
        best.on_epoch, best.path = None, checkpoint
        n_reported = 0 if resumed is None else len(read_checkpoint(resumed, best.identity)["aletheia_history"])
        try:
            _run(_trainer(detector.config, callbacks, writes=True), detector, data, resumed)
        except ProcessRaisedException as error:
            if (cause := input_error_of_process(error)) is not None:
                raise cause from None
            raise
        state = read_checkpoint(checkpoint, best.identity)
        best.on_epoch, best.path = on_epoch, path
    detector.on_load_checkpoint(state)
    best.load_state_dict(state["callbacks"][best.state_key])
    if on_epoch is not None:
        for row in detector.history[n_reported:]:
            on_epoch(dict(row))


def input_error_of_process(error: Exception) -> InputError | None:
    """Rebuild the InputError that ended a process of a training; None if it ended for another reason."""
    name, _, message = error_of_process(error).partition(": ")
    for error_type in (DivergedError, InputError):
        if name == f"{error_type.__module__}.{error_type.__name__}":
            return error_type(message)
    return None


def _run(trainer: pl.Trainer, detector: Detector, data: FaceData, checkpoint: Path | None) -> None:
    handler = signal.getsignal(signal.SIGINT)
    try:
        with contextlib.suppress(PausedError):
            trainer.fit(detector, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    except SystemExit:
        # Lightning turns Ctrl-C into an exit of the whole process; a caller must be able to clean up.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None


def _is_finished(state: dict[str, Any], config: TrainConfig, stopper: str, until: int | None) -> bool:
    # Lightning would train one more epoch after an early stop before it stopped again.
    waited = state["callbacks"].get(stopper, {}).get("wait_count", 0)
    last = config.max_epochs if until is None else min(until, config.max_epochs)
    return len(state["aletheia_history"]) >= last or waited >= config.patience


@torch.no_grad()
def _score(detector: Detector, data: FaceData) -> tuple[Array, Array]:
    detector.eval()
    batches = [(labels, detector(pixels)) for pixels, labels, _ in data.val_batches()]
    return (
        torch.cat([labels for labels, _ in batches]).numpy(),
        torch.cat([logits for _, logits in batches]).float().numpy(),
    )


@contextlib.contextmanager
def _threads(num_threads: int) -> Iterator[None]:
    previous = torch.get_num_threads()
    if num_threads:
        torch.set_num_threads(num_threads)
    try:
        yield
    finally:
        torch.set_num_threads(previous)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's remarks as `silence` does, until the block ends."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    try:
        with warnings.catch_warnings():
            silence()
            yield
    finally:
        logger.setLevel(level)
