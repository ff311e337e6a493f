"""The table of networks that needs no PyTorch, compared with the networks."""

from __future__ import annotations

from aletheia.models import catalogue
from aletheia.models.registry import _REGISTRY, describe_network


def test_own_entries_are_the_registered_networks():
    own = [name for name, builder in _REGISTRY.all().items() if _REGISTRY.is_own(builder)]
    assert list(catalogue.OWN) == [describe_network(name) for name in sorted(own)]
