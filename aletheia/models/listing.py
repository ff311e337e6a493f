"""List of the networks that can be trained, those of extensions among them."""

from __future__ import annotations

import fnmatch
from importlib.metadata import entry_points

from aletheia.models.catalogue import GROUP, OWN, NetworkEntry


def list_entries(pattern: str = "*") -> list[NetworkEntry]:
    """List the networks that match a shell pattern, sorted by name; PyTorch is imported only for those of others.

    Raises
    ------
    InputError
        When an extension cannot be loaded.
    """
    entries = {entry.name: entry for entry in OWN}
    if entry_points(group=GROUP):
        from aletheia.models.registry import describe_network, list_models

        entries |= {name: describe_network(name) for name in list_models(pattern) if name not in entries}
    return [entries[name] for name in sorted(fnmatch.filter(entries, pattern))]
