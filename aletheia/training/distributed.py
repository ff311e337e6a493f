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
from aletheia.core.lifetime import end_with_parent
from aletheia.training.config import TrainConfig


def started_elsewhere() -> bool:
    """Return whether torchrun (or a launcher with its protocol) started this process as one of several."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def trainer_options(config: TrainConfig) -> dict[str, Any]:
    """Build the options of `lightning.pytorch.Trainer` for several processes.

    Raises
    ------
    InputError
        When the batch cannot be shared evenly, or mpirun alone started this process as one of several.
    """
    if int(os.environ.get("OMPI_COMM_WORLD_SIZE", "1")) > 1 and not started_elsewhere():
        raise InputError(
            "mpirun started several processes, which would each train on their own: it does not say how they meet. "
            "Let it start torchrun, with --nnodes $OMPI_COMM_WORLD_SIZE --node-rank $OMPI_COMM_WORLD_RANK and "
            "--master-addr."
        )
    world = int(os.environ["WORLD_SIZE"]) if started_elsewhere() else config.devices
    if config.batch_size % world:
        raise InputError(
            f"batch_size: {config.batch_size} cannot be shared evenly by {world} processes; choose a multiple."
        )
    if world == 1:
        return {"devices": 1}
    # A frozen backbone has parameters without gradients, which the processes would otherwise wait for.
    options: dict[str, Any] = {
        "find_unused_parameters": config.freeze_epochs > 0 or config.trainable_stages is not None
    }
    if not started_elsewhere():
        return {"devices": world, "strategy": _Quiet(start_method="spawn", **options)}
    local_world = int(os.environ["LOCAL_WORLD_SIZE"])
    return {"devices": local_world, "num_nodes": world // local_world, "strategy": _Quiet(**options)}


def silence() -> None:
    """Silence Lightning's remarks about devices, workers and logging intervals; errors still appear."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning.*")


class _Launcher(_MultiProcessingLauncher):
    """A launcher that spawns from notebooks, too: a training needs no state of the notebook."""

    @property
    def is_interactive_compatible(self) -> bool:
        return True


class _Quiet(DDPStrategy):
    """Data-parallel training whose processes are as quiet as the first one."""

    def _configure_launcher(self) -> None:
        super()._configure_launcher()
        if self._start_method == "spawn":
            self._launcher = _Launcher(self, start_method="spawn")

    def setup_environment(self) -> None:
        """Silence Lightning and watch the parent; no other code of the process runs before this."""
        end_with_parent()
        silence()
        super().setup_environment()


def share_threads(trainer: pl.Trainer, num_threads: int) -> None:
    """Give this process, if it was spawned on a CPU, its part of the cores, or `num_threads` if that is not 0."""
    if trainer.world_size == 1 or started_elsewhere() or trainer.strategy.root_device.type != "cpu":
        return
    torch.set_num_threads(num_threads or max(cores() // trainer.num_devices, 1))


def all_gather(value: Any, trainer: pl.Trainer) -> list[Any]:
    """Exchange a value between all processes: each gets those of all, in the order of their ranks."""
    if trainer.world_size == 1:
        return [value]
    values: list[Any] = [None] * trainer.world_size
    distributed.all_gather_object(values, value)
    return values


def error_of_process(error: Exception) -> str:
    """Return the last line that a process wrote before it died: the type and the message of its exception."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
