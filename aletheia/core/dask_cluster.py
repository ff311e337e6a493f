"""The Dask cluster of a step: its client in the process that runs the handler, its worker in one that runs a task."""

from __future__ import annotations

import sys
from typing import Any


def dask_client(context: Any) -> Any | None:
    """Return the client of the cluster that a step was given, as MLRun's ``dask`` runtime does; None without one.

    Parameters
    ----------
    context : mlrun.MLClientCtx
        Of the handler.
    """
    return getattr(context, "dask_client", None)


def worker_threads() -> int | None:
    """Return the threads of the Dask worker that runs this code as a task; None outside of one."""
    distributed = sys.modules.get("distributed")  # a worker has imported it
    if distributed is None:
        return None
    try:
        return int(distributed.get_worker().state.nthreads)
    except ValueError:
        return None


def workers_lost() -> int:
    """Return how many workers died over the Dask task that runs this code, once Dask would not forgive another.

    Until then, and outside of a worker, it is 0. After one more Dask gives the task up, which raises ``KilledWorker``
    in the process that waits: a task that can say what it is had better end with an error of its own.
    """
    if worker_threads() is None:
        return 0
    from distributed import get_client, get_worker

    def counted(key: Any, dask_scheduler: Any) -> tuple[int, int]:  # sent by value: the scheduler needs no aletheia
        return dask_scheduler.tasks[key].suspicious, dask_scheduler.allowed_failures

    client: Any = get_client()  # distributed leaves its methods untyped
    lost, forgiven = client.run_on_scheduler(counted, get_worker().get_current_task())
    return int(lost) if lost >= forgiven else 0
