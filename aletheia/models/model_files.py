"""The files that a model consists of: their names, the sizes that they may have, and a check of what they hold.

They may come from an untrusted source: each is read only up to a limit, and only if its hash is the stated one.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from aletheia.core.errors import InputError
from aletheia.core.files import check_file

WEIGHTS = "model.safetensors"
ONNX = "model.onnx"
INT8 = "model.int8.onnx"
EXPLAIN = "explain.onnx"
TYPICAL = "typical.safetensors"
PROFILE = "training.json"
GOLDEN = "golden.json"
SPEC = "model.json"
MAX_SPEC_BYTES = 1_000_000
MAX_WEIGHTS_BYTES = 2_000_000_000


def check_model_file(file: Path, limit: int) -> None:
    """Raise InputError for a file of a model that is missing, no regular file, or larger than `limit` bytes."""
    if not file.exists():
        raise InputError(f"There is no {file.name} in {file.parent}; a model is the two files {SPEC} and {WEIGHTS}.")
    check_file(file, limit)


def read_model_file(folder: str | Path, name: str, limit: int, sha256: str) -> tuple[Path, bytes]:
    """Read a file of the bundle in a folder (or beside another of its files), checked for size and hash."""
    folder = Path(folder)
    file = (folder if folder.is_dir() else folder.parent) / name
    check_model_file(file, limit)
    content = file.read_bytes()
    check_hash(file, sha256, content)
    return file, content


def check_hash(file: Path, stated: str, content: bytes | None = None) -> None:
    """Raise InputError for a file, or the content read from it, whose SHA-256 is not the one in ``model.json``."""
    if content is not None:
        actual = hashlib.sha256(content).hexdigest()
    else:
        with file.open("rb") as stream:
            actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != stated:
        raise InputError(
            f"{file} is not the file that {SPEC} describes: its SHA-256 is {actual[:12]}…, not "
            f"{stated[:12] or '(none)'}…. One of them is damaged or was replaced; fetch both again."
        )
