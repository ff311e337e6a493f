"""A checkout of its own, with a tracking service of its own, so that measuring touches nobody's runs."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from aletheia.tracking.constants import WHILE_PID

ROOT = Path(__file__).parents[1]
ALETHEIA = Path(sys.executable).with_name("aletheia")
_PARTS = ("notebooks", "functions", "workflows", "project.yaml", "project_setup.py")


@contextlib.contextmanager
def fresh_checkout() -> Iterator[tuple[Path, dict[str, str]]]:
    """Provide a folder with copies of the notebooks and functions, and the environment to run them in."""
    with tempfile.TemporaryDirectory(prefix="aletheia-bench-") as name:
        folder = Path(name)
        copy_project(folder)
        environment = own_environment(folder)
        try:
            yield folder, environment
        finally:
            subprocess.run(
                [ALETHEIA, "tracking", "stop"], cwd=folder, env=environment, capture_output=True, check=False
            )


def copy_project(folder: Path) -> None:
    """Copy what a clone has of the workflow into a folder, in place of an earlier copy."""
    for part in _PARTS:
        if (ROOT / part).is_dir():
            shutil.rmtree(folder / part, ignore_errors=True)
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, folder / part)


def own_environment(folder: Path) -> dict[str, str]:
    """Return an environment with a home in the folder, and a tracking service that ends with this process."""
    dropped = ("MLRUN_DBPATH", "ALETHEIA_PROJECT", "ALETHEIA_DATA")
    environment = {key: value for key, value in os.environ.items() if key not in dropped}
    environment |= {"ALETHEIA_HOME": str(folder / "home"), "ALETHEIA_TRACKING_PORT": str(free_port())}
    environment[WHILE_PID] = str(os.getpid())  # killed, it leaves no service behind
    return environment


def free_port() -> int:
    """Find a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
