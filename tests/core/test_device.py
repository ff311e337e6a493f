"""The choice of a device: as a function of what libraries list, and with what they list on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aletheia.core.device import Offer, answering_device, choose, evaluating_device, offer_for_answers
from aletheia.core.device import offer_for_evaluation as offer_for_torch
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings

_WITH_CUDA = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
_PLAIN = ["AzureExecutionProvider", "CPUExecutionProvider"]


@pytest.fixture(autouse=True)
def _fresh():
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.mark.parametrize(
    ("providers", "openvino", "driver", "devices"),
    [
        (_PLAIN, ["CPU"], False, ("cpu",)),
        (_PLAIN, ["CPU"], True, ("cpu",)),  # a GPU, but no library that uses it
        (_WITH_CUDA, ["CPU"], False, ("cpu",)),  # the library, but no GPU
        (_WITH_CUDA, ["CPU"], True, ("cuda", "cpu")),
        (_PLAIN, ["CPU", "GPU"], False, ("gpu", "cpu")),
        (_PLAIN, ["CPU", "GPU.0", "GPU.1", "NPU"], False, ("gpu", "cpu")),
        (_PLAIN, ["CPU", "NPU"], False, ("cpu",)),
        (_WITH_CUDA, ["CPU", "GPU"], True, ("cuda", "gpu", "cpu")),
    ],
)
def test_offer_for_answers(providers, openvino, driver, devices):
    assert offer_for_answers(providers, openvino, driver).devices == devices


def test_offer_for_evaluation():
    assert offer_for_torch(True).devices == ("cuda", "cpu")
    assert offer_for_torch(False).devices == ("cpu",)


@pytest.mark.parametrize(
    ("wanted", "devices", "chosen"),
    [
        ("auto", ("cpu",), "cpu"),
        ("auto", ("gpu", "cpu"), "gpu"),
        ("auto", ("cuda", "gpu", "cpu"), "cuda"),
        ("cpu", ("cuda", "cpu"), "cpu"),
        ("gpu", ("cuda", "gpu", "cpu"), "gpu"),
    ],
)
def test_choose(wanted, devices, chosen):
    assert choose(wanted, Offer(devices, "")) == chosen


def test_choose_says_what_is_there():
    offer = offer_for_answers(_PLAIN, ["CPU", "GPU"], False)
    with pytest.raises(InputError, match=r"cuda cannot be used here: .*Azure.*OpenVINO CPU, GPU;.* gpu or cpu or auto"):
        choose("cuda", offer)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available() or Path("/dev/dri").exists()


@pytest.mark.skipif(_has_gpu(), reason="this machine has a GPU")
@pytest.mark.parametrize(("wanted", "of"), [("cuda", "ONNX Runtime lists"), ("gpu", "OpenVINO CPU")])
def test_device_that_is_not_here(monkeypatch, wanted, of):
    monkeypatch.setenv("ALETHEIA_DEVICE", wanted)
    with pytest.raises(InputError, match=f"{wanted} cannot be used here: .*{of}"):
        answering_device()
    with pytest.raises(InputError, match=f"{wanted} cannot be used here: PyTorch"):
        evaluating_device()
    monkeypatch.setenv("ALETHEIA_DEVICE", "auto")
    get_settings.cache_clear()
    assert answering_device() == evaluating_device() == "cpu"


def test_the_processor_imports_no_library():
    code = (
        "import sys; from aletheia.core.device import answering_device, evaluating_device; "
        "print(answering_device(), evaluating_device(), {'torch', 'onnxruntime', 'openvino'} & set(sys.modules))"
    )
    clean = {name: value for name, value in os.environ.items() if name != "ALETHEIA_DEVICE"}
    output = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True)
    assert output.stdout == "cpu cpu set()\n"


def test_setting_refuses_another_name(monkeypatch):
    monkeypatch.setenv("ALETHEIA_DEVICE", "tpu")
    with pytest.raises(InputError, match="ALETHEIA_DEVICE"):
        answering_device()
