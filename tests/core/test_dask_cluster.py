"""The client that a step was given, and the worker that runs a task."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from aletheia.core.dask_cluster import dask_client, worker_threads, workers_lost


def test_dask_client():
    assert dask_client(SimpleNamespace()) is None
    assert dask_client(SimpleNamespace(dask_client="a client")) == "a client"


@pytest.fixture
def client():
    """Of a cluster with one worker of three threads, in this process."""
    from distributed import Client, LocalCluster

    options = {"processes": False, "dashboard_address": None}
    with LocalCluster(n_workers=1, threads_per_worker=3, **options) as local, Client(local) as client:
        yield client


def test_worker_threads(client):
    assert client.submit(worker_threads).result() == 3
    assert worker_threads() is None  # though the worker is in this process


@pytest.mark.parametrize(("died", "allowed", "lost"), [(0, 3, 0), (2, 3, 0), (3, 3, 3), (1, 1, 1), (0, 0, 0)])
def test_workers_lost(client, died, allowed, lost):
    """The scheduler tells how many died over this task; they count from the last one on that it allows."""

    def task() -> int:
        def after(dask_scheduler) -> None:
            dask_scheduler.tasks["task"].suspicious, dask_scheduler.allowed_failures = died, allowed

        from distributed import get_client

        get_client().run_on_scheduler(after)
        return workers_lost()

    assert client.submit(task, key="task").result() == lost
    assert workers_lost() == 0
