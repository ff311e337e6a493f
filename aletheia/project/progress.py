"""Says on the terminal which step of a workflow is at work, and how far a grid has come."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from tqdm.auto import tqdm


def current_workflow() -> tuple[str, str]:
    """Project and id of the workflow that this process is running; empty when there is none."""
    # getattr: the main thread may be in the middle of importing it
    context = getattr(sys.modules.get("mlrun.projects.pipelines"), "pipeline_context", None)
    if context is None or not context.workflow_id or context.project is None:
        return "", ""
    return context.project.metadata.name, context.workflow_id


class ProgressReporter:
    """Reads the workflow's runs from the tracking service and tells what changed since it last looked.

    Parameters
    ----------
    console : Console
        Where to say it.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._workflow = ("", "")
        self._states: dict[str, str] = {}
        self._bars: dict[str, tqdm] = {}

    def poll(self) -> None:
        """Tell of every step whose state changed and of every grid cell that is done."""
        # MLRun forgets the workflow as soon as it ends; its last step is still to be told of.
        self._workflow = now if (now := current_workflow())[1] else self._workflow
        project, workflow = self._workflow
        if not workflow or not os.environ.get("MLRUN_DBPATH"):
            return
        import mlrun

        database = mlrun.get_run_db()
        try:
            for run in reversed(database.list_runs(project=project, labels=f"workflow={workflow}")):
                name, state = run["metadata"]["name"], run["status"]["state"]
                cells = math.prod(len(values) for values in (run["spec"].get("hyperparams") or {}).values())
                if cells > 1 and (state == "running" or name in self._bars):
                    self._show_grid(
                        name, cells, database.list_runs(project=project, uid=run["metadata"]["uid"], iter=True)
                    )
                if self._states.get(name) != state:
                    self._states[name] = state
                    if name in self._bars and state != "running":
                        self._bars.pop(name).close()
                    self.console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {name}: {state}", highlight=False)
        except Exception:  # a listing that fails costs a line of progress, never the run
            return

    def _show_grid(self, name: str, cells: int, runs: list[dict[str, Any]]) -> None:
        if name not in self._bars:
            self._bars[name] = tqdm(total=cells, desc="Grid", unit="cell", mininterval=0)
        bar = self._bars[name]
        losses = [
            run["status"]["results"]["loss"]
            for run in runs
            if run["metadata"].get("iteration") and run["status"]["state"] == "completed"
        ]
        if len(losses) > bar.n:
            bar.set_postfix_str(f"lowest loss {min(losses):.4f}", refresh=False)
            bar.update(len(losses) - bar.n)


@contextlib.contextmanager
def announce(console: Console, interval: float = 0.5) -> Iterator[None]:
    """Announce in the background, every `interval` seconds, and once more at the end."""
    announcer, done = ProgressReporter(console), threading.Event()

    def watch() -> None:
        while not done.wait(interval):
            announcer.poll()
        announcer.poll()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=5)
