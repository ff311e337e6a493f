"""The option ``--device`` of the commands that compute a network's scores."""

from __future__ import annotations

import enum
import os
from typing import Annotated

import typer

from aletheia.core.device import AUTO, CPU, CUDA, GPU
from aletheia.core.settings import get_settings


class Device(enum.StrEnum):
    """Choices of the option."""

    AUTO = AUTO
    CPU = CPU
    CUDA = CUDA
    GPU = GPU


DeviceOption = Annotated[
    Device | None,
    typer.Option(
        help="Where the network is computed: cuda (NVIDIA), gpu (Intel, by OpenVINO; not for evaluate), or auto, which "
        "takes the one that is there. Default: ALETHEIA_DEVICE, else cpu.",
        show_default=False,
    ),
]


def set_device(device: Device | None) -> None:
    """Make the option the setting of this process and of those that it starts."""
    if device is not None:
        os.environ["ALETHEIA_DEVICE"] = device.value
        get_settings.cache_clear()
