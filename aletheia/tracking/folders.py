"""The folders whose files the service hands out (to the MLRun UI) and the exporter copies.

A path in the database proves nothing: whoever reaches the port can write one. So the list of folders is kept
in a file of the user's own, which no request can change: the artifact folder of the service, and project
folders that were registered by a process of the same user.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

FILE = "folders.json"


def artifact_root(home: Path) -> Path:
    """Folder of the artifacts whose place nobody chose."""
    return home / "artifacts"


def allowed(home: Path) -> list[Path]:
    """Real paths of the folders that may be read from."""
    try:
        named = json.loads((home / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        named = []
    folders = [artifact_root(home), *(Path(item) for item in named if isinstance(item, str))]
    return [Path(os.path.realpath(folder)) for folder in folders]


def allow(home: Path, folder: Path | str) -> None:
    """Add a folder to the list, for good.

    Raises
    ------
    ValueError
        For the root of the file system or a home folder: that would be everything.
    """
    real = Path(os.path.realpath(folder))
    if real == Path(real.anchor) or real == Path(os.path.realpath(Path.home())):
        raise ValueError(f"{real} is too much to hand out; name a folder in it.")
    if any(real.is_relative_to(root) for root in allowed(home)):
        return
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(OSError, ValueError):
        known = json.loads((home / FILE).read_text("utf-8"))
        if isinstance(known, list):
            _write(home, [*known, str(real)])
            return
    _write(home, [str(real)])


def _write(home: Path, folders: list[str]) -> None:
    draft = home / f"{FILE}.{os.getpid()}"
    draft.write_text(json.dumps(folders, indent=1), "utf-8")
    draft.chmod(0o600)
    draft.replace(home / FILE)


def resolve(home: Path, path: str) -> Path | None:
    """The real path of a file or folder that may be handed out, else None.

    ``..`` and links are followed first and the result compared, so neither leads out. Names that begin with a
    dot (``.env``, ``.git``) are never handed out.
    """
    path = path.removeprefix("file://")
    if "\0" in path or not os.path.isabs(path):
        return None
    real = Path(os.path.realpath(path))
    for root in allowed(home):
        if real.is_relative_to(root) and not any(part.startswith(".") for part in real.relative_to(root).parts):
            return real
    return None


@contextlib.contextmanager
def open_file(path: Path) -> Iterator[int]:
    """File descriptor of a regular file whose path was resolved; FileNotFoundError for anything else."""
    # O_NOFOLLOW: the path is real, so a link here was put in its place since. O_NONBLOCK: a pipe must not
    # hang us.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(path)
        yield descriptor
    finally:
        os.close(descriptor)
