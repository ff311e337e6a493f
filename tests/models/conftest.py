"""One thread for torch: several test processes share the cores, and waiting threads would take them from each other."""

from __future__ import annotations

import pytest
import torch

from ..factories import crops
from ..model_factories import SMALLEST, declare_network, own_registry, random_bundle
from ..model_factories import brightness_bundle as bundle


@pytest.fixture(params=SMALLEST)
def network_name(request) -> str:
    """A small network of every family of the registry, also of a family that is added later."""
    return request.param


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
