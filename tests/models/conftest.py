"""One thread for torch: several test processes share the cores, and waiting threads would take them from each other."""

from __future__ import annotations

import pytest
import torch

from ..factories import crops
from ..model_factories import brightness_bundle as bundle
from ..model_factories import declare_network, own_registry


@pytest.fixture(
    params=[
        "attention_cnn",
        "efficientnet_b0",
        "efficientnet_autoatt_b0",
        "torchvision_efficientnet_b0",
        "mobilenet_v2",
        "xception",
    ]
)
def network_name(request) -> str:
    """A small network of every family of the registry."""
    return request.param


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
