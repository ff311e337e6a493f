"""Copying of each run to MLflow as soon as it ends, if ``MLFLOW_TRACKING_URI`` is set.

A thread of the process that makes the runs watches for ends, so it does not matter how they were started: by the
command line, the stock ``mlrun`` command, a notebook or from Python.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from datetime import UTC, datetime

from aletheia.core.errors import InputError
from aletheia.tracking import mlflow_export
from aletheia.tracking.reader import Reader

_mirrors: dict[str, Mirror] = {}


class Mirror:
    """Exports the runs of a project that end from now on.

    Parameters
    ----------
    address : str
        Of the tracking server.
    project : str
        Name of the project.
    uri : str
        Of MLflow.
    """

    def __init__(self, address: str, project: str, uri: str) -> None:
        self.address, self.project, self.uri = address, project, uri
        self.copied = 0
        self._since = datetime.now(UTC).isoformat()
        self._exported: dict[str, str] = {}  # last update by uid
        self._stopped = threading.Event()
        self._poll_lock = threading.Lock()

    def poll(self) -> None:
        """Export the runs that have ended since the last call; failures are printed and do no harm to the runs."""
        with self._poll_lock:
            try:
                with Reader(self.address) as reader:
                    finished = reader.finished(self.project, self._since)
            except InputError as error:
                print(f"MLflow: {error}", file=sys.stderr)
                return
            for uid, last_update in finished.items():
                if self._exported.get(uid) == last_update:
                    continue
                self._exported[uid] = last_update
                try:
                    summary = mlflow_export.export_run(uid, self.project, self.uri)
                except InputError as error:
                    print(
                        f"MLflow: run {uid} was not copied (aletheia tracking export does it): {error}", file=sys.stderr
                    )
                    continue
                self.copied += 1
                for problem in summary.problems:
                    print(f"MLflow: {problem}", file=sys.stderr)

    def watch(self, interval: float = 2.0) -> None:
        """Call :meth:`poll` every ``interval`` seconds until :meth:`finish`."""
        while not self._stopped.wait(interval):
            self.poll()

    def finish(self) -> None:
        """Stop watching, export for the last time, and print how many runs were copied."""
        self._stopped.set()
        self.poll()
        if self.copied:
            print(f"MLflow: copied {self.copied} run{'s' * (self.copied != 1)} to {self.uri}", file=sys.stderr)


def start_mirror(address: str, project: str) -> Mirror | None:
    """Start copying if ``MLFLOW_TRACKING_URI`` is set; once for each project in a process.

    Parameters
    ----------
    address : str
        Of the tracking server.
    project : str
        Name of the project.

    Raises
    ------
    InputError
        When MLflow does not answer there.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri or project in _mirrors:
        return _mirrors.get(project)
    mlflow_export.connect(uri)
    mirror = _mirrors[project] = Mirror(address, project, uri)
    threading.Thread(target=mirror.watch, daemon=True, name="mlflow-mirror").start()
    atexit.register(mirror.finish)
    return mirror
