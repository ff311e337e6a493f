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
