"""Where feedback lies and how much of it is kept. Imports nothing that takes time, for the command line."""

from __future__ import annotations

from pathlib import Path

#: Name of the store, in the folder of the prediction log.
STORE = "feedback.sqlite"
#: Name of the folder of pictures, beside it.
PICTURES = "feedback-pictures"
#: Bytes of the store, at most; some 100,000 statements with a note of usual length.
MAX_BYTES = 50_000_000
#: Bytes of all pictures together, at most.
MAX_PICTURE_BYTES = 1_000_000_000


def store_path(folder: str | Path) -> Path:
    """Return the store that belongs to a folder with a prediction log."""
    return Path(folder) / STORE


def pictures_folder(folder: str | Path) -> Path:
    """Return where the pictures of that store lie."""
    return Path(folder) / PICTURES
