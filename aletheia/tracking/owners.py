"""Which processes write a run, so that a run whose process was killed does not stay "running" for ever.

The stock client says nothing about its process, but its TCP connection comes from this machine, and the
system knows which process holds the other end. Where it does not tell (another user, another container), the
run is left alone.
"""

from __future__ import annotations

import threading
from typing import Any

import psutil

from aletheia.tracking.resources import lost_runs, runs
from aletheia.tracking.store import Store

GRACE_SECONDS = 3.0
_REMEMBERED = 10_000


def processes_at(port: int, server_port: int) -> list[list[float]]:
    """Processes at the client's end of a loopback connection, as ``[pid, start time]``; [] when unknown."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return []
    found = []
    for connection in connections:
        if connection.pid and connection.laddr and connection.laddr.port == port:
            if connection.raddr and connection.raddr.port != server_port:
                continue
            try:
                found.append([connection.pid, round(psutil.Process(connection.pid).create_time(), 2)])
            except psutil.Error:
                continue
    return found


def is_alive(owner: list[float]) -> bool:
    """Whether this very process still runs (a pid alone may have been given to another one since)."""
    try:
        process = psutil.Process(int(owner[0]))
        return abs(process.create_time() - owner[1]) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


class Owners:
    """Remembers the writers of unfinished runs and ends the runs that they left behind."""

    def __init__(self, store: Store, server_port: int) -> None:
        self._store = store
        self._server_port = server_port
        self._seen: set[tuple[str, str, int]] = set()
        self._lock = threading.Lock()

    def saw(self, project: str, uid: str, state: str, port: int) -> None:
        """Note that a connection wrote a run; looks the process up at the first time only."""
        if state in runs.TERMINAL:
            return
        key = (project, uid, port)
        with self._lock:
            if key in self._seen:
                return
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            self._seen.add(key)
        owners = processes_at(port, self._server_port)
        if owners:
            lost_runs.set_owners(self._store, project, uid, owners)

    def sweep(self) -> list[dict[str, Any]]:
        """End the runs whose processes are gone; returns them."""
        return lost_runs.abort_lost(self._store, is_alive, GRACE_SECONDS)
