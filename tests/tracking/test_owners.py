"""Processes that write runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import psutil
import pytest

from aletheia.tracking import owners
from aletheia.tracking.owners import Owners
from aletheia.tracking.resources import lost_runs, runs


def own() -> list[float]:
    return [os.getpid(), psutil.Process().create_time()]


def test_processes_at_finds_the_client():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        port, server_port = client.getsockname()[1], server.getsockname()[1]
        ((pid, started),) = owners.processes_at(port, server_port)
        assert (pid, started) == (os.getpid(), pytest.approx(own()[1], abs=0.02))
        assert owners.processes_at(port, server_port + 1) == []


def test_processes_at_without_permission(monkeypatch):
    def deny(kind: str):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", deny)
    assert owners.processes_at(1, 2) == []


def test_is_alive_compares_start_times():
    pid, started = own()
    assert owners.is_alive([pid, started])
    assert not owners.is_alive([pid, started - 60])  # the pid of a process that has ended, given to another one
    process = subprocess.Popen(["sleep", "600"])
    owner = [process.pid, psutil.Process(process.pid).create_time()]
    assert owners.is_alive(owner)
    process.kill()
    process.wait()
    assert not owners.is_alive(owner)


def test_owners_look_a_process_up_once(store, monkeypatch):
    lookups = []
    monkeypatch.setattr(owners, "processes_at", lambda port, server_port: lookups.append(port) or [[1.0, 2.0]])
    runs.put(store, "p", "u", 0, {"metadata": {"name": "n"}, "status": {"state": "running"}})
    noted = Owners(store, 99)
    for state, port in (("running", 5), ("running", 5), ("completed", 6), ("running", 7)):
        noted.note("p", "u", state, port)
    assert lookups == [5, 7]
    (run,) = lost_runs.unfinished(store)
    assert run["owners"] == [[1.0, 2.0]]


def test_sweep_aborts_runs_of_ended_processes(store, monkeypatch):
    monkeypatch.setattr(owners, "GRACE_SECONDS", -1)
    for uid, owner in (("lost", [own()[0], own()[1] - 60]), ("live", own())):
        runs.put(store, "p", uid, 0, {"metadata": {"name": "n"}, "status": {"state": "running"}})
        lost_runs.set_owners(store, "p", uid, [owner])
    assert [run["uid"] for run in Owners(store, 99).sweep()] == ["lost"]
    assert runs.get(store, "p", "live", 0)["status"]["state"] == "running"


@pytest.mark.parametrize("on_interrupt", ["default_int_handler", "SIG_IGN"])
def test_interrupt_reaches_the_writer_alone(store, monkeypatch, on_interrupt):
    """Not the process that asks, not one that has taken over the number of another; also in a shell's background."""
    runs.put(store, "p", "u", 0, {"metadata": {"name": "n"}, "status": {"state": "running"}})
    code = (
        f"import signal, time; signal.signal(signal.SIGINT, signal.{on_interrupt}); "
        "print('ready', flush=True); time.sleep(300)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)]
    for writer in writers:
        assert writer.stdout.readline() == b"ready\n"
    (first, second) = writers
    started = {writer.pid: psutil.Process(writer.pid).create_time() for writer in writers}
    lost_runs.set_owners(
        store, "p", "u", [own(), [first.pid, started[first.pid]], [second.pid, started[second.pid] - 60]]
    )
    monkeypatch.setattr(owners, "processes_at", lambda port, server_port: [own()])
    try:
        assert Owners(store, 99).interrupt("p", "u", 5) == [first.pid]
        assert first.wait(120) != 0
        assert second.poll() is None
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
            writer.stdout.close()
