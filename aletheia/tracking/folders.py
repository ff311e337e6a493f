"""Folders whose files the service sends to the MLRun UI and the exporter copies.

A path in the database proves nothing: every client of the port can write one. So the list of folders is kept in a file
of the user, which no request can change: the artifact folder of the service, and project folders that a process of the
same user has registered.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aletheia.core.files import replacing

FILE = "folders.json"


def artifact_root(home: Path) -> Path:
    """Return the folder for the artifacts of projects that do not name one."""
    return home / "artifacts"


def allowed(home: Path) -> list[Path]:
    """List the real paths of the folders that may be read from."""
    folders = [artifact_root(home), *(Path(item) for item in _registered(home) if isinstance(item, str))]
    return [Path(os.path.realpath(folder)) for folder in folders]


def _registered(home: Path) -> list[Any]:
    """Read the list of registered folders; a file that is missing or damaged is an empty list."""
    with contextlib.suppress(OSError, ValueError):
        content = json.loads((home / FILE).read_text("utf-8"))
        if isinstance(content, list):
            return content
    return []


def allow(home: Path, folder: Path | str) -> None:
    """Add a folder to the list, permanently.

    Raises
    ------
    ValueError
        For the root of the file system or a home folder, which would share everything.
    """
    real = Path(os.path.realpath(folder))
    if real == Path(real.anchor) or real == Path(os.path.realpath(os.path.expanduser("~"))):  # noqa: PTH111 -- "~" where there is no home folder
        raise ValueError(f"{real} is too much to share; name a folder in it.")
    if any(real.is_relative_to(root) for root in allowed(home)):
        return
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with replacing(home / FILE) as file:
        file.write(json.dumps([*_registered(home), str(real)], indent=1).encode())
    (home / FILE).chmod(0o600)


def resolve(home: Path, path: str) -> Path | None:
    """Return the real path of a file or folder that may be read, else None.

    ``..`` and links are followed first and the result compared, so neither leads out of a folder. Names that begin
    with a dot (``.env``, ``.git``) may not be read.
    """
    path = path.removeprefix("file://")
    if "\0" in path or not Path(path).is_absolute():
        return None
    real = Path(os.path.realpath(path))
    for root in allowed(home):
        if real.is_relative_to(root) and not any(part.startswith(".") for part in real.relative_to(root).parts):
            return real
    return None


@contextlib.contextmanager
def open_file(path: Path) -> Iterator[int]:
    """Open a regular file whose path was resolved, and yield its descriptor; FileNotFoundError for anything else."""
    # O_NOFOLLOW: the path is real, so a link here has replaced it since. O_NONBLOCK: a pipe must not block.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(path)
        yield descriptor
    finally:
        os.close(descriptor)
