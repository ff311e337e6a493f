"""Runs of the workflow from the command line: progress on the terminal, MLRun's own output in a log file."""

from __future__ import annotations

import contextlib
import logging
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console

from aletheia.core.buckets.addresses import is_bucket_url, parse_url
from aletheia.core.buckets.store import check_bucket
from aletheia.core.environment import explain_text
from aletheia.core.errors import InputError
from aletheia.core.paths import project_root
from aletheia.core.tempdirs import collect_temporary_files
from aletheia.lifecycle.model_versions.registration import check_unclaimed
from aletheia.project.progress import current_workflow, report_progress
from aletheia.project.run_config import RunConfig
from aletheia.project.run_ends import end_runs
from aletheia.project.run_folder import RunFolder
from aletheia.project.source_check import check_data
from aletheia.project.summary import print_summary, summarise, write_summary
from aletheia.project.workflow_record import steps_of
from aletheia.project.workspace import open_project


def run_workflow(
    config: RunConfig,
    *,
    name: str = "main",
    console: Console | None = None,
    check: Callable[[RunConfig], Any] = check_data,
    show: Callable[[dict[str, Any], Console], None] = print_summary,
    artifact_path: str = "",
) -> dict[str, Any]:
    """Run a workflow of ``project.yaml`` on this machine and sum it up.

    Parameters
    ----------
    config : RunConfig
        Options; the workflow gets those that were set, for the rest it has the same defaults.
    name : str
        The workflow's name.
    console : Console, optional
        The terminal; by default standard error.
    check : callable
        Refuses a configuration before anything runs.
    show : callable
        Prints the summary of a workflow that has completed.
    artifact_path : str
        A folder or a bucket (``s3://bucket/runs``) where the steps store what they make; by default the project's.

    Returns
    -------
    dict
        The summary, also written to ``summary.json`` in the run's folder, to which ``artifacts/summary.json`` leads;
        its ``state`` is ``"completed"`` or ``"error"``.

    Raises
    ------
    InputError
        When the data are not there, or do not have what an option names, or the workflow failed for another reason
        that the user can mend.
    """
    console = console or Console(stderr=True)
    root = project_root()
    if is_bucket_url(artifact_path):
        check_bucket(parse_url(artifact_path))
    check(config)
    folder = RunFolder(root)
    log = folder.path / "run.log"
    started = time.time()
    InputError.raised.clear()
    with _output_to(log), collect_temporary_files("run"), report_progress(console):
        folder.link(log.name)
        project = open_project(root)
        if artifact_path:
            project.artifact_path = f"{artifact_path.rstrip('/')}/{{{{run.uid}}}}"

        mlrun_utils: Any = sys.modules["mlrun.runtimes.utils"]
        if hasattr(mlrun_utils, "stderr"):
            mlrun_utils.stderr = sys.stdout  # bound when MLRun was imported; errors are printed once, below
        if config.model_version:
            check_unclaimed(config.model_version, project=project.name)
        arguments = config.model_dump(exclude_unset=True)
        try:
            status = project.run(name, arguments=arguments, engine="local", watch=True)
        except KeyboardInterrupt as interruption:
            current, workflow = current_workflow()
            end_runs(steps_of(workflow, current) if workflow else (), current, interruption)
            raise
        steps = steps_of(status.run_id, project.name)
        if status.exc:
            end_runs(steps, project.name, status.exc)
            steps = steps_of(status.run_id, project.name)
    state = "completed" if status.state == "Succeeded" else "error"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    summary = summarise(steps, state=state, seconds=time.time() - started, root=root, peak_mb=peak)
    path = write_summary(summary, folder.path)
    folder.link(path.name)
    if state == "completed":
        show(summary, console)
        console.print(f"As JSON:       {path.relative_to(root)}", highlight=False)
    else:
        errors = summary["errors"] or ({name: str(status.exc)} if status.exc else {})
        _report_failure(errors, log.relative_to(root), console)
    return summary


def _report_failure(errors: dict[str, str], log: Path, console: Console) -> None:
    """Print why steps failed.

    Raises
    ------
    InputError
        Instead, when the user can mend it.
    """
    steps = ", ".join(errors) or "the workflow"
    if InputError.raised:
        raise InputError(f"{steps} failed. {InputError.raised[-1]}")
    for sentence in filter(None, map(explain_text, errors.values())):
        raise InputError(f"{steps} failed. {sentence}")
    for step, error in errors.items():
        console.print(f"[bold red]{step} failed:[/] {error}", highlight=False, soft_wrap=True)
    console.print(f"The whole output is in {log}.", highlight=False)


@contextlib.contextmanager
def _output_to(log: Path) -> Iterator[None]:
    """Send standard output, which MLRun prints to, to a log file; progress and our messages go to standard error."""
    # Not closed: MLRun's logger keeps the stream that it found when it was imported, until the process ends.
    stream = log.open("w", buffering=1)
    logging.raiseExceptions = False  # on a full disk a lost log line does not matter
    with contextlib.redirect_stdout(stream), _mlrun_logs_to(stream):
        yield
    sys.stdout.flush()


@contextlib.contextmanager
def _mlrun_logs_to(stream: TextIO) -> Iterator[None]:
    """Let MLRun's logger write to a stream if it was imported before, as where a bucket was read."""
    utils: Any = sys.modules.get("mlrun.utils")
    handler = utils.logger.get_handler("default") if utils else None
    if handler is None:
        yield
        return
    before = handler.stream
    utils.logger.replace_handler_stream("default", stream)
    try:
        yield
    finally:
        utils.logger.replace_handler_stream("default", before)
