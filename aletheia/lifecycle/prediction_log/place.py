"""Where the prediction log lies and how large it gets. Imports nothing that takes time, for the command line."""

from __future__ import annotations

from pathlib import Path

from aletheia.core.settings import get_settings

#: Bytes of a log's file, at most; some 600,000 answers.
MAX_BYTES = 200_000_000


def default_log() -> Path:
    """Return where `aletheia serve` writes and `aletheia monitor` reads unless told otherwise."""
    return get_settings().home / "predictions.sqlite"
