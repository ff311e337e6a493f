"""The device that networks are computed on: the processor, or a GPU that a library of this environment can use.

Faces are scored by ONNX Runtime (CUDA) or OpenVINO (GPUs of Intel) for an answer, by PyTorch (CUDA) in an evaluation.
`choose` decides from what these libraries list, and asks none of them itself.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings

CPU, CUDA, GPU, AUTO = "cpu", "cuda", "gpu", "auto"
#: The library that answers on a GPU, by device; on the processor either may be the faster one.
ENGINES = {CUDA: "onnxruntime", GPU: "openvino"}
#: For people.
NAMES = {CPU: "the processor", CUDA: "an NVIDIA GPU (CUDA)", GPU: "a GPU (OpenVINO)"}
#: As ONNX Runtime calls it.
CUDA_PROVIDER = "CUDAExecutionProvider"


@dataclass(frozen=True)
class Offer:
    """Devices that can be used, the best first, and what the libraries list, as text."""

    devices: tuple[str, ...]
    listed: str


def offer_for_answers(providers: Sequence[str], openvino_devices: Sequence[str], has_driver: bool) -> Offer:
    """Tell which devices can answer.

    Parameters
    ----------
    providers : sequence of str
        Execution providers of ONNX Runtime. It lists CUDA when it was built for it, whether or not there is a GPU.
    openvino_devices : sequence of str
        Devices of OpenVINO: ``CPU``, ``GPU`` or, of several, ``GPU.0`` and so on.
    has_driver : bool
        Whether NVIDIA's driver finds a GPU.
    """
    devices = [CUDA] * (CUDA_PROVIDER in providers and has_driver)
    devices += [GPU] * any(name.split(".")[0] == "GPU" for name in openvino_devices)
    driver = "NVIDIA's driver finds a GPU" if has_driver else "there is no driver of NVIDIA's that finds a GPU"
    listed = f"ONNX Runtime lists {', '.join(providers)}; OpenVINO {', '.join(openvino_devices)}; {driver}"
    return Offer((*devices, CPU), listed)


def offer_for_evaluation(cuda: bool) -> Offer:
    """Tell which devices can evaluate; `cuda` is whether PyTorch can use a GPU of NVIDIA's."""
    return Offer((CUDA, CPU) if cuda else (CPU,), f"PyTorch {'can' if cuda else 'cannot'} use CUDA")


def choose(wanted: str, offer: Offer) -> str:
    """Choose the device: the best one for ``auto``, else the one that is wanted.

    Raises
    ------
    InputError
        When that is not offered.
    """
    if wanted == AUTO:
        return offer.devices[0]
    if wanted not in offer.devices:
        usable = " or ".join((*offer.devices, AUTO))
        raise InputError(f"The device {wanted} cannot be used here: {offer.listed}. Use --device {usable}.")
    return wanted


def answering_device() -> str:
    """Return the device that answers by the setting ``ALETHEIA_DEVICE``; no library is imported for the processor.

    Raises
    ------
    InputError
        When it is not there.
    """
    return _device(_asked_for_answers)


def evaluating_device() -> str:
    """Return the device that PyTorch evaluates on by the setting ``ALETHEIA_DEVICE``.

    Raises
    ------
    InputError
        When it is not there.
    """
    return _device(_asked_for_evaluation)


def _device(ask: Callable[[], Offer]) -> str:
    wanted = get_settings().device
    return CPU if wanted == CPU else choose(wanted, ask())


def _asked_for_answers() -> Offer:
    from aletheia.core.openvino import available_devices

    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # see aletheia.models.onnx_network
    import onnxruntime

    return offer_for_answers(onnxruntime.get_available_providers(), available_devices(), _has_nvidia_gpu())


def _asked_for_evaluation() -> Offer:
    import torch

    return offer_for_evaluation(torch.cuda.is_available())


def _has_nvidia_gpu() -> bool:
    try:
        return bool(ctypes.CDLL("libcuda.so.1").cuInit(0) == 0)
    except (OSError, AttributeError):
        return False
