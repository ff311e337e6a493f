"""The folder of one `aletheia run`: its log and summary, which a second run in the same clone leaves alone."""

from __future__ import annotations

import os
import time
from pathlib import Path


class RunFolder:
    """A new folder ``artifacts/runs/<time>-<process>/``.

    Parameters
    ----------
    root : Path
        The project's folder.

    Attributes
    ----------
    path : Path
        Of the folder.
    """

    def __init__(self, root: Path) -> None:
        self._artifacts = root / "artifacts"
        self.path = self._artifacts / "runs" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        self.path.mkdir(parents=True, exist_ok=True)

    def link(self, name: str) -> None:
        """Let ``artifacts/<name>`` lead to this run's file of that name, the newest one."""
        temporary = self._artifacts / f".{name}.{os.getpid()}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(Path("runs") / self.path.name / name)
        temporary.replace(self._artifacts / name)
