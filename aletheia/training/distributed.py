"""Training in several processes: one a GPU, or gloo processes on CPUs; on this machine, or where torchrun starts them.

The processes share each batch, so that `batch_size` means the same for any number of them, and average their gradients
(Li et al., "PyTorch Distributed", VLDB 2020).
"""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.strategies.launchers.multiprocessing import _MultiProcessingLauncher
from torch import distributed

from aletheia.core.cores import cores
from aletheia.core.errors import InputError
from aletheia.training.config import TrainConfig


def started_elsewhere() -> bool:
    """Whether torchrun (or what speaks its language) started this process as one of several."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def trainer_options(config: TrainConfig) -> dict[str, Any]:
    """What `lightning.pytorch.Trainer` has to know.

    Raises
    ------
    InputError
        When the batch cannot be shared evenly.
    """
    world = int(os.environ["WORLD_SIZE"]) if started_elsewhere() else config.devices
    if config.batch_size % world:
        raise InputError(
            f"batch_size: {config.batch_size} cannot be shared evenly by {world} processes; choose a multiple."
        )
    if world == 1:
        return {"devices": 1}
    # A frozen backbone leaves parameters without gradients, which would be waited for.
    options: dict[str, Any] = {"find_unused_parameters": config.freeze_epochs > 0}
    if not started_elsewhere():
        return {"devices": world, "strategy": _Quiet(start_method="spawn", **options)}
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    return {"devices": here, "num_nodes": world // here, "strategy": _Quiet(**options)}


def silence() -> None:
    """Keep to itself what Lightning remarks about devices, workers and intervals; errors still come through."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning.*")


class _Launcher(_MultiProcessingLauncher):
    """Spawns from notebooks, too: nothing of a training lives in the notebook itself."""

    @property
    def is_interactive_compatible(self) -> bool:
        return True


class _Quiet(DDPStrategy):
    def _configure_launcher(self) -> None:
        super()._configure_launcher()
        if self._start_method == "spawn":
            self._launcher = _Launcher(self, start_method="spawn")

    def setup_environment(self) -> None:
        """The first thing that a process of a training does."""
        silence()
        super().setup_environment()


def share_threads(trainer: pl.Trainer, wanted: int) -> None:
    """Give each process that was spawned on a CPU its part of the cores, or the number wanted; called in there."""
    if trainer.world_size == 1 or started_elsewhere() or trainer.strategy.root_device.type != "cpu":
        return
    torch.set_num_threads(wanted or max(cores() // trainer.num_devices, 1))


def all_gather(value: Any, trainer: pl.Trainer) -> list[Any]:
    """The values of all processes, in the order of their ranks, in each of them."""
    if trainer.world_size == 1:
        return [value]
    values: list[Any] = [None] * trainer.world_size
    distributed.all_gather_object(values, value)
    return values


def error_of_process(error: Exception) -> str:
    """The last line of what a process said before it died: the type and the message of its exception."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
