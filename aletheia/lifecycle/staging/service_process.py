"""A service of its own for a staging: started as `aletheia serve` is, and ended with whoever started it."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from typing import IO

import httpx
import psutil

from aletheia.core.errors import InputError
from aletheia.core.lifetime import start_bound

_READY = "Ready at "
_MAX_OUTPUT = 1_000_000  # bytes of the service's output that are read
_PAUSE = 0.05
#: How `aletheia serve` is started; a test puts a program in its place that misbehaves.
SERVE = (sys.executable, "-m", "aletheia.cli", "serve")


class StagedService:
    """A running service and a client of it.

    Attributes
    ----------
    client : httpx.Client
        With the address, and the key of this service, which nobody else has.
    name : str
        How messages call the model.
    start_s : float
        Seconds until both `/v1/predict` and the serving graph were ready.
    """

    def __init__(self, client: httpx.Client, name: str, watcher: int, start_s: float) -> None:
        self.client, self.name, self.start_s = client, name, start_s
        self._watcher = psutil.Process(watcher)

    def processes(self) -> list[psutil.Process]:
        """List the processes of the service, without the one that only watches over it."""
        found: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            found = self._watcher.children(recursive=True)
        return found

    def is_alive(self) -> bool:
        """Whether the service still runs."""
        return any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in self.processes())

    def memory_mb(self) -> float:
        """Measure the memory of all processes of the service; a page that several share counts once (PSS).

        Where the system does not tell (the service forbids inspection by other processes than those of root), such a
        page counts for each (RSS).
        """
        total = 0
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                try:
                    memory = process.memory_full_info()
                    total += getattr(memory, "pss", memory.uss)
                except psutil.AccessDenied:
                    total += process.memory_info().rss
        return total / 1e6


@contextlib.contextmanager
def staged_service(model: str, name: str, *, port: int = 0, start_timeout: float = 120.0) -> Iterator[StagedService]:
    """Run the service with one model for as long as the block lasts.

    Whatever ends this process, SIGKILL included, ends the service and its processes too.

    Parameters
    ----------
    model : str
        What `aletheia serve --model` takes.
    name : str
        How messages call the model.
    port : int
        On the loopback; 0 takes a free one.
    start_timeout : float
        Seconds that it may take until it answers.

    Raises
    ------
    InputError
        When it ends before it is ready (the port is taken, the model damaged), or does not get ready in time.
    """
    key = secrets.token_urlsafe(24)
    command = [*SERVE, "--model", model, "--port", str(port), "--no-page", "--no-record"]
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        watcher = start_bound(command, stdout=output, stderr=output, env=_environment(key))
        try:
            url = _wait_for_address(watcher, output, name, began + start_timeout, start_timeout)
            headers = {"Authorization": f"Bearer {key}"}
            with httpx.Client(base_url=url, headers=headers, timeout=120.0, trust_env=False) as client:
                _wait_for_graph(client, watcher, output, name, began + start_timeout, start_timeout)
                yield StagedService(client, name, watcher.pid, time.monotonic() - began)
        finally:
            _end(watcher)


def _environment(key: str) -> dict[str, str]:
    """Return the environment of the service: this package is importable from wherever it is started."""
    package_parent = str(Path(__file__).resolve().parents[3])
    paths = [package_parent, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "ALETHEIA_API_KEY": key}


def _wait_for_address(watcher: Popen[bytes], output: IO[bytes], name: str, deadline: float, seconds: float) -> str:
    while True:
        for line in _lines(output):
            if line.startswith(_READY):
                return line.removeprefix(_READY).removesuffix("/docs").strip()
        _check(watcher, output, name, deadline, seconds)
        time.sleep(_PAUSE)


def _wait_for_graph(
    client: httpx.Client, watcher: Popen[bytes], output: IO[bytes], name: str, deadline: float, seconds: float
) -> None:
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if client.get("/v2/health/ready", timeout=5.0).is_success:
                return
        _check(watcher, output, name, deadline, seconds)
        time.sleep(_PAUSE)


def _check(watcher: Popen[bytes], output: IO[bytes], name: str, deadline: float, seconds: float) -> None:
    """Raise InputError when the service has ended, or its time is over."""
    code = watcher.poll()
    last = next(filter(None, map(str.strip, reversed(_lines(output)))), "it said nothing")
    if code is not None:
        raise InputError(f"The staging service of {name} ended while it started (exit code {code}): {last[:500]}")
    if time.monotonic() > deadline:
        raise InputError(
            f"The staging service of {name} was not ready within {seconds:g} s and was ended; its last line: "
            f"{last[:300]!r}. Give it more with --start-timeout, or start it by hand: aletheia serve --model {name}"
        )


def _lines(output: IO[bytes]) -> list[str]:
    # Not by its position, which the service shares: it writes at the end all the while.
    return os.pread(output.fileno(), _MAX_OUTPUT, 0).decode("utf-8", "replace").splitlines()


def _end(watcher: Popen[bytes]) -> None:
    """End the service as its operator would, and by force when it does not go."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(watcher.pid).children(recursive=True)
    for process in family[:1]:  # the service; its own processes follow
        with contextlib.suppress(psutil.Error):
            process.terminate()
    psutil.wait_procs(family[:1], timeout=5.0)
    if watcher.stdin:
        watcher.stdin.close()
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(family, timeout=5.0)
    watcher.wait(10.0)
