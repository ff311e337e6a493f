"""Running the workflow from the command line: progress on the terminal, MLRun's own words in a log file."""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from aletheia.errors import InputError
from aletheia.project.announce import announce
from aletheia.project.summary import print_summary, summarise, write_summary
from aletheia.project.workspace import open_project, project_root


def run_workflow(arguments: dict[str, Any], *, name: str = "main", console: Console | None = None) -> dict[str, Any]:
    """Run a workflow of ``project.yaml`` on this machine and sum it up.

    Parameters
    ----------
    arguments : dict
        Arguments of the workflow; what is not given has the workflow's default.
    name : str
        The workflow's name.

    Returns
    -------
    dict
        The summary, also written to ``artifacts/summary.json``; its ``state`` is ``"completed"`` or ``"error"``.

    Raises
    ------
    InputError
        When the workflow failed for a reason that the user can mend.
    """
    console = console or Console(stderr=True)
    root = project_root()
    log = root / "artifacts" / "run.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.time()
    InputError.raised.clear()
    with _quietly(log), announce(console):
        project = open_project(root)
        status = project.run(name, arguments=arguments, engine="local", watch=True)
        import mlrun

        runs = mlrun.get_run_db().list_runs(project=project.name, labels=f"workflow={status.run_id}")
    state = "completed" if status.state == "Succeeded" else "error"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    summary = summarise(list(runs), state=state, seconds=time.time() - started, root=root, peak_mb=peak)
    path = write_summary(summary, root)
    if state == "completed":
        print_summary(summary, console)
        console.print(f"As JSON:       {path.relative_to(root)}", highlight=False)
        return summary
    for step, error in (summary["errors"] or {}).items():
        console.print(f"[bold red]{step} failed:[/] {error}", highlight=False)
    if InputError.raised:
        raise InputError(InputError.raised[-1])
    console.print(f"The full story is in {log.relative_to(root)}.", highlight=False)
    return summary


@contextlib.contextmanager
def _quietly(log: Path):
    """Send what MLRun prints to a log file; progress bars and our own words go to the terminal (stderr)."""
    # Not closed: MLRun's logger keeps the stream that it found when it was imported, until the process ends.
    stream = log.open("w", buffering=1)
    with contextlib.redirect_stdout(stream):
        yield
    sys.stdout.flush()
