"""A Dask cluster of processes of this machine, for the time of a benchmark, and the processor time that they took."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")


class Cluster(NamedTuple):
    """A client, and the processes' ids."""

    client: Any
    scheduler: int
    workers: list[int]


@contextlib.contextmanager
def dask_cluster(n: int, folder: Path, *, together: bool = False) -> Iterator[Cluster]:
    """Start a scheduler and `n` workers of one thread, by Dask's command line, with a cache each below a folder.

    Together, the workers stand in one process, with one cache.
    """
    from distributed import Client

    folder.mkdir()
    file = folder / "scheduler.json"
    place = ["--scheduler-file", str(file), "--no-dashboard"]
    worker = ["dask", "worker", "--nthreads", "1", "--no-nanny", "--local-directory", str(folder), *place]
    many = ["benchmarks.dask_workers", str(file), str(n)]
    commands = [["dask", "scheduler", "--port", "0", *place], *([many] if together else [worker] * n)]
    with contextlib.ExitStack() as stack:
        pids = []
        for k, words in enumerate(commands):
            own = {"ALETHEIA_CACHE": str(folder / f"cache-{k}"), "ALETHEIA_DATA": str(folder / f"data-{k}")}
            process = subprocess.Popen(
                [sys.executable, "-m", *words],
                env={**os.environ, **own},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)  # to close takes a worker long after a training
            pids.append(process.pid)
            while k == 0 and not file.is_file():
                time.sleep(0.1)
        with Client(scheduler_file=str(file), timeout="300s") as client:
            client.wait_for_workers(n, timeout=600)
            yield Cluster(client, pids[0], pids[1:])


def processor_seconds(pids: list[int]) -> float:
    """Return the processor time that running processes took so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS
