"""Owners of runs: the processes that write them. A run whose processes have ended is not "running" for ever.

The stock client does not name its process, but its TCP connection comes from this machine, and the operating system
knows which process holds the other end. Where it does not reveal that (another user, another container, a process
killed in that moment), the label of the run may (`aletheia.tracking.process_label`); else the run is left alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from pathlib import Path
from typing import Any

import psutil

from aletheia.tracking.resources import lost_runs, runs
from aletheia.tracking.store import Store

GRACE_SECONDS = 3.0  # for which a run must have been silent before it counts as lost
_MAX_NOTED = 10_000


def processes_at(port: int, server_port: int) -> list[list[float]]:
    """Find the processes at the client's end of a loopback connection.

    Parameters
    ----------
    port, server_port
        TCP ports of the client and of the service.

    Returns
    -------
    list
        ``[pid, start time]`` of each; empty when unknown.
    """
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return []
    owners: list[list[float]] = []
    for connection in connections:
        if not (connection.pid and connection.laddr and connection.laddr.port == port):
            continue
        if connection.raddr and connection.raddr.port != server_port:
            continue
        with contextlib.suppress(psutil.Error):
            owners.append([connection.pid, round(psutil.Process(connection.pid).create_time(), 2)])
    return owners


def is_alive(owner: list[float]) -> bool:
    """Whether the process ``[pid, start time]`` still runs; a pid alone may belong to another one by now."""
    pid, started = int(owner[0]), owner[1]
    try:
        process = psutil.Process(pid)
        return bool(abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


class Owners:
    """Notes the writers of unfinished runs, interrupts them on request, and aborts the runs that they left unfinished.

    Parameters
    ----------
    store
        The database.
    server_port
        Port of the service.
    """

    def __init__(self, store: Store, server_port: int) -> None:
        self._store = store
        self._server_port = server_port
        self._noted: set[tuple[str, str, int]] = set()
        self._lock = threading.Lock()

    def note(self, project: str, uid: str, state: str, port: int) -> None:
        """Note that a run in a state was written from a client's port; the process is looked up only once."""
        if state in runs.TERMINAL:
            return
        key = (project, uid, port)
        with self._lock:
            if key in self._noted:
                return
            if len(self._noted) >= _MAX_NOTED:
                self._noted.clear()
            self._noted.add(key)
        owners = processes_at(port, self._server_port)
        if owners:
            lost_runs.set_owners(self._store, project, uid, owners)

    def interrupt(self, project: str, uid: str, port: int) -> list[int]:
        """Interrupt the processes that write a run, as Ctrl-C does; return their numbers.

        A shell starts what runs in its background with Ctrl-C ignored; such a process is asked to terminate.

        Not the one that asks for it, whose client has the given port: it knows.
        """
        asking = {int(pid) for pid, _ in processes_at(port, self._server_port)}
        interrupted = []
        for owner in lost_runs.owners_of(self._store, project, uid):
            pid = int(owner[0])
            if pid in asking or pid == os.getpid() or not is_alive(owner):
                continue
            with contextlib.suppress(OSError):
                os.kill(pid, _interruption(pid))
                interrupted.append(pid)
        return interrupted

    def sweep(self) -> list[dict[str, Any]]:
        """Mark the runs whose processes have ended as aborted; return them."""
        return lost_runs.abort_lost(self._store, is_alive, GRACE_SECONDS)


def _interruption(pid: int) -> signal.Signals:
    """Choose the signal that ends a process: SIGINT unless it is known to be ignored."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return signal.SIGINT
    ignored = re.search(r"^SigIgn:\s*([0-9a-f]+)$", status, re.MULTILINE)
    is_ignored = ignored is not None and int(ignored[1], 16) >> (signal.SIGINT - 1) & 1
    return signal.SIGTERM if is_ignored else signal.SIGINT
