"""Running the workflow from the command line: progress on the terminal, MLRun's own words in a log file."""

from __future__ import annotations

import contextlib
import logging
import resource
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from aletheia.core.errors import DISK_FULL, InputError, is_disk_full_message
from aletheia.core.paths import project_root
from aletheia.project.progress import announce, current_workflow
from aletheia.project.summary import print_summary, summarise, write_summary
from aletheia.project.workspace import open_project


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
        mlrun_utils = sys.modules["mlrun.runtimes.utils"]
        if hasattr(mlrun_utils, "stderr"):
            mlrun_utils.stderr = sys.stdout  # bound when MLRun was imported; an error is told once, by us
        try:
            status = project.run(name, arguments=arguments, engine="local", watch=True)
        except KeyboardInterrupt:
            _abort_running_steps()
            raise
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
    steps = ", ".join(summary["errors"] or {}) or "the workflow"
    if InputError.raised:
        raise InputError(f"{steps} failed. {InputError.raised[-1]}")
    if any(map(is_disk_full_message, (summary["errors"] or {}).values())):
        raise InputError(f"{steps} failed. {DISK_FULL}")
    for step, error in (summary["errors"] or {}).items():
        console.print(f"[bold red]{step} failed:[/] {error}", highlight=False, soft_wrap=True)
    console.print(f"The full story is in {log.relative_to(root)}.", highlight=False)
    return summary


def _abort_running_steps() -> None:
    """Say of the step that was interrupted that it was: MLRun leaves it as running."""
    import mlrun

    database = mlrun.get_run_db()
    project, workflow = current_workflow()
    for run in (
        database.list_runs(project=project, labels=f"workflow={workflow}", states=["running"]) if workflow else ()
    ):
        change = {"status.state": "aborted", "status.error": "interrupted (Ctrl-C)"}
        database.update_run(change, run["metadata"]["uid"], project)


def check_arguments(arguments: dict[str, Any]) -> None:
    """Refuse before any work what a later step would refuse after the data has been prepared.

    Parameters
    ----------
    arguments : dict
        As :func:`run_workflow` takes them.

    Raises
    ------
    InputError
        A balance policy, a remedy, a way to cut faces out, a network or a cell of the grid that cannot be.
    """
    from aletheia.audit.remedies import Remedies
    from aletheia.datasets.balance import check_policy
    from aletheia.faces.crop_config import CropConfig
    from aletheia.training.config import TrainConfig

    check_policy(arguments.get("balance", "matched"))
    Remedies.parse(arguments.get("remedies"))
    faces = {"image_size": "size", "face_policy": "policy", "face_margin": "margin", "frames": "frames"}
    CropConfig(**{field: arguments[name] for name, field in faces.items() if name in arguments})
    given = {
        "architecture": "architecture",
        "image_size": "image_size",
        "seed": "seed",
        "epochs": "max_epochs",
        "fault": "fault",
    }
    common = {field: arguments[name] for name, field in given.items() if name in arguments}
    if twice := sorted(set(common | {"learning_rate": 0, "batch_size": 0}) & set(arguments.get("recipe") or {})):
        raise InputError(f"recipe: {', '.join(twice)} has an option of its own; use that one.")
    common |= arguments.get("recipe") or {}
    for name, field in (("learning_rates", "learning_rate"), ("batch_sizes", "batch_size")):
        for value in arguments.get(name, []):
            TrainConfig(**common, **{field: value})
    TrainConfig(**common)


@contextlib.contextmanager
def _quietly(log: Path):
    """Send what MLRun prints to a log file; progress bars and our own words go to the terminal (stderr)."""
    # Not closed: MLRun's logger keeps the stream that it found when it was imported, until the process ends.
    stream = log.open("w", buffering=1)
    logging.raiseExceptions = False  # on a full disk the log is the least of it
    with contextlib.redirect_stdout(stream):
        yield
    sys.stdout.flush()
