"""The client that a step was given, and the worker that runs a task."""

from __future__ import annotations

from types import SimpleNamespace

from aletheia.core.dask_cluster import dask_client, worker_threads


def test_dask_client():
    assert dask_client(SimpleNamespace()) is None
    assert dask_client(SimpleNamespace(dask_client="a client")) == "a client"


def test_worker_threads():
    from distributed import Client, LocalCluster

    options = {"processes": False, "dashboard_address": None}
    with LocalCluster(n_workers=1, threads_per_worker=3, **options) as local, Client(local) as client:
        assert client.submit(worker_threads).result() == 3
        assert worker_threads() is None  # though the worker is in this process
