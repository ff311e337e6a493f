"""A Dask cluster as an operator starts it: a scheduler and workers, processes of Dask's command line."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from .waiting import wait_for

_ROOT = Path(__file__).parents[1]


class Cluster:
    """Workers of one thread each, with a folder, a cache and data of their own.

    Attributes
    ----------
    client : distributed.Client
    folders : list of Path
        Of the workers.
    """

    def __init__(self, folder: Path, n: int, variables: dict[str, str]) -> None:
        self._started = contextlib.ExitStack()
        self._file = folder / "scheduler.json"
        self._variables = {**os.environ, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1", **variables}
        folder.mkdir()
        try:
            self._start(folder, "scheduler", "--port", "0")
            wait_for(lambda: self._file.is_file() and self._file.stat().st_size)  # it is made first, then written
            self.folders = [folder / f"worker-{k}" for k in range(n)]
            for own in self.folders:
                own.mkdir()
                self._start(own, "worker", "--nthreads", "1", "--no-nanny", "--name", own.name)
            from distributed import Client

            self.client = self._started.enter_context(Client(scheduler_file=str(self._file), timeout="120s"))
            self.client.wait_for_workers(n, timeout=300)
        except BaseException:
            self.close()
            raise

    def _start(self, folder: Path, *words: str) -> None:
        own = {"ALETHEIA_CACHE": str(folder / "cache"), "ALETHEIA_DATA": str(folder / "data")}
        command = [sys.executable, "-m", "dask", *words, "--scheduler-file", str(self._file), "--no-dashboard"]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(command, cwd=folder, env=self._variables | own, stdout=log, stderr=log)
        self._started.callback(process.wait)
        self._started.callback(process.kill)

    def close(self) -> None:
        """End all processes."""
        self._started.close()

    @contextlib.contextmanager
    def one_killed(self, is_due: Callable[[], bool] = lambda: True) -> Iterator[None]:
        """Kill a worker in the middle of a task, by SIGKILL, when it is due; fail when none had one."""
        names = {address: info["name"] for address, info in self.client.scheduler_info()["workers"].items()}
        pids = self.client.run(os.getpid)
        killed: list[str] = []
        ended = threading.Event()

        def kill() -> None:
            while not killed and not ended.wait(0.02):
                address = next((address for address, tasks in self.client.processing().items() if tasks), None)
                if address is None or not is_due():
                    continue
                os.kill(pids[address], signal.SIGSTOP)  # what it has now, it will not finish
                if self.client.processing()[address]:
                    os.kill(pids[address], signal.SIGKILL)
                    killed.append(names[address])
                else:
                    os.kill(pids[address], signal.SIGCONT)

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            yield
        finally:
            ended.set()
            killer.join()
        left = {info["name"] for info in self.client.scheduler_info()["workers"].values()}
        assert len(killed) == 1 and left == set(names.values()) - set(killed)


@contextlib.contextmanager
def dask_cluster(folder: Path, n: int = 3, **variables: str) -> Iterator[Cluster]:
    """Start a scheduler and `n` workers, which share nothing but the folder's disk; yield them.

    Parameters
    ----------
    folder : Path
        Made; each worker stands in a folder of its own below.
    variables
        Further variables of the workers' environment.
    """
    cluster = Cluster(folder, n, variables)
    try:
        yield cluster
    finally:
        cluster.close()
