"""Work on files that are named but not there, in a module that imports nothing slow: each process imports it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path


def work(path: str) -> tuple[str, int]:
    """Slow at first, so that order is not kept by chance; some files end the process that reads them.

    Work on ``meet <folder> …`` lasts until another process works on another such file: one alone never gets on.
    """
    if path.startswith("bomb"):
        os._exit(9)
    if path.startswith("bad"):
        raise OSError(28, "No space left on device")
    if path.startswith("meet"):
        folder = Path(path.split()[1])
        (folder / str(os.getpid())).touch()
        while len(list(folder.iterdir())) < 2:
            time.sleep(0.005)
    time.sleep(0.05 if path.endswith("0") else 0)
    return path, os.getpid()


def died(path: str) -> tuple[str, int]:
    return path, 0


def loaded() -> set[str]:
    """Modules of the project that this process has imported, without those of the tests."""
    return {name for name in sys.modules if name.split(".")[0] == "aletheia"}
