"""Progress of a workflow on the terminal: the step that is at work, and how far a grid has come."""

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

from aletheia.core.progress import is_quiet, tqdm


def current_workflow() -> tuple[str, str]:
    """Return project and id of the workflow that this process is running; empty when there is none."""
    # getattr: the main thread may be in the middle of importing it
    context = getattr(sys.modules.get("mlrun.projects.pipelines"), "pipeline_context", None)
    if context is None or not context.workflow_id or context.project is None:
        return "", ""
    return context.project.metadata.name, context.workflow_id


def label_of_steps() -> dict[str, str]:
    """Return the label that names this process while it runs a workflow's steps itself; in a cluster others do."""
    if not current_workflow()[1]:
        return {}
    import mlrun

    from aletheia.tracking.process_label import process_label

    return {} if mlrun.mlconf.is_api_running_on_k8s() else process_label()


class ProgressReporter:
    """Reads the workflow's runs from the tracking service and prints what changed since the last time.

    Parameters
    ----------
    console : Console
        The terminal.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._workflow = ("", "")
        self._states: dict[str, str] = {}
        self._bars: dict[str, tqdm] = {}

    def poll(self) -> None:
        """Print every step whose state changed, and advance the bar of a grid whose cells ended."""
        # MLRun forgets the workflow as soon as it ends; its last step is still to be reported.
        current = current_workflow()
        self._workflow = current if current[1] else self._workflow
        project, workflow = self._workflow
        if not workflow or not os.environ.get("MLRUN_DBPATH"):
            return
        import mlrun

        database = mlrun.get_run_db()
        try:
            for run in reversed(database.list_runs(project=project, labels=f"workflow={workflow}")):
                self._report(project, database, run)
        except Exception:  # a listing that fails costs a line of progress, never the run
            return

    def _report(self, project: str, database: Any, run: dict[str, Any]) -> None:
        name, state = run["metadata"]["name"], run["status"]["state"]
        n_cells = math.prod(len(values) for values in (run["spec"].get("hyperparams") or {}).values())
        if n_cells > 1 and (state == "running" or name in self._bars):
            self._show_grid(name, n_cells, database.list_runs(project=project, uid=run["metadata"]["uid"], iter=True))
        if self._states.get(name) != state:
            self._states[name] = state
            if name in self._bars and state != "running":
                self._bars.pop(name).close()
            self.console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {name}: {state}", highlight=False)

    def _show_grid(self, name: str, n_cells: int, runs: list[dict[str, Any]]) -> None:
        if name not in self._bars:
            self._bars[name] = tqdm(total=n_cells, desc="Grid", unit="cell", mininterval=0)
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
def report_progress(console: Console, interval: float = 0.5) -> Iterator[None]:
    """Report in the background, every `interval` seconds, and once more at the end; nothing where bars are disabled."""
    if is_quiet():
        yield
        return
    reporter, ended = ProgressReporter(console), threading.Event()

    def watch() -> None:
        while not ended.wait(interval):
            reporter.poll()
        reporter.poll()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=5)
