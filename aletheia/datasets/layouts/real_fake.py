"""Folders whose names say real or fake, in many spellings, with splits above, below or in the same name."""

from __future__ import annotations

from typing import NamedTuple

from aletheia.datasets.layouts.file_label import FileLabel
from aletheia.datasets.layouts.registry import GENERAL, register_layout
from aletheia.datasets.layouts.words import folder_words, names_nothing

_DEEPEST = 5  # folders above the one that names the label


class Place(NamedTuple):
    """Where a path names the label: the folder's position, the label, and the split that some folder names."""

    position: int
    label: str
    split: str


def find_label(folders: list[str]) -> Place | None:
    """Find the topmost folder that names a label, by a plain word if there is one, else by a loose one."""
    for loose in (False, True):
        words = [folder_words(name, loose=loose) for name in folders]
        position = next((i for i, (label, _) in enumerate(words[: _DEEPEST + 1]) if label), None)
        if position is not None:
            split = next((split for _, split in words if split), "")
            return Place(position, words[position][0], split)
    return None


@register_layout(GENERAL)
def _real_and_fake(parts: list[str], folder: str) -> FileLabel | None:
    """Read ``[<split>/]{real,fake}/[<split>/][<source or generator>/…]file``, and ``training_real/file``."""
    place = find_label(parts[:-1])
    if place is None:
        return None
    below = next((name for name in parts[place.position + 1 : -1] if _names_origin(name)), "")
    if place.label == "real":
        return FileLabel("real", source=below or folder, split=place.split)
    return FileLabel("fake", source=folder, generator=below, split=place.split)


def _names_origin(name: str) -> bool:
    return not names_nothing(name) and not folder_words(name, loose=True)[0]
