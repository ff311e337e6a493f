"""The end of runs that MLRun does not end, and what it leaves out of the error of a grid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def end_runs(runs: Iterable[dict[str, Any]], project: str, error: BaseException) -> None:
    """Record what broke into runs that MLRun left as running, and of a grid that failed the errors of its cells.

    MLRun ends a run by what its handler raises. A run whose user interrupts it, or whose cluster gives a cell up, is
    gone or does not answer, would stay as running; of a grid it says how many cells failed, and not why.

    Parameters
    ----------
    runs : iterable of dict
        As the tracking service lists them.
    project : str
        Its name.
    error : BaseException
        Raised while they ran. KeyboardInterrupt ends them as aborted, others as failed.
    """
    import mlrun

    database = mlrun.get_run_db()
    for run in runs:
        uid, status = run["metadata"]["uid"], run["status"]
        if status["state"] == "running":
            is_interrupted = isinstance(error, KeyboardInterrupt)
            text = "interrupted (Ctrl-C)" if is_interrupted else str(error) or type(error).__name__
            change = {"status.state": "aborted" if is_interrupted else "error", "status.error": text}
        elif status["state"] == "error" and (run.get("spec") or {}).get("hyperparams"):
            cells = database.list_runs(project=project, uid=uid, iter=True)
            change = {"status.error": _grid_error(status.get("error") or "", cells)}
        else:
            continue
        database.update_run(change, uid, project)


def _grid_error(text: str, cells: Iterable[dict[str, Any]]) -> str:
    failed: dict[str, list[int]] = {}
    for cell in sorted(cells, key=lambda cell: cell["metadata"].get("iteration") or 0):
        if cell["metadata"].get("iteration") and cell["status"]["state"] == "error":
            failed.setdefault(cell["status"].get("error") or "no reason given", []).append(
                cell["metadata"]["iteration"]
            )
    reasons = [f"iteration {', '.join(map(str, numbers))}: {reason}" for reason, numbers in failed.items()]
    return "; ".join([text.removesuffix(", check logs in db for details"), *reasons])
