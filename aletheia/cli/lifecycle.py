"""``aletheia lifecycle …``: what is done again and again after a release."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="The scheduler: alerts are looked at, retraining triggers asked, files pruned, production looked after.",
)
Config = Annotated[
    Path | None,
    typer.Option(
        help="YAML file with jobs, how often and with what; default: all with their defaults.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@app.command()
def start(
    config: Config = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay in this process, as systemd and containers want it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start the scheduler of this project, in the background; one for each ALETHEIA_HOME.

    When each job runs next is kept on the disk, so that a restart neither forgets nor repeats one; what was missed
    meanwhile is done once.
    """
    from aletheia.core.paths import project_root
    from aletheia.lifecycle.scheduling.config import read_schedule
    from aletheia.lifecycle.scheduling.daemon import output_path, run_scheduler, start_scheduler

    root, schedule = project_root(), read_schedule(config)
    if foreground:
        run_scheduler(schedule, root)
        return
    pid = start_scheduler(root, [f"--config={config.resolve()}"] if config else [])
    if as_json:
        typer.echo(json.dumps({"pid": pid, "jobs": schedule.intervals(), "output": str(output_path())}))
        return
    jobs = ", ".join(schedule.intervals()) or "none"
    typer.echo(f"The scheduler runs (process {pid}); jobs: {jobs}. What they print is in {output_path()}.")


@app.command()
def status(
    runs: Annotated[int, typer.Option(min=1, max=100, help="Last runs of each job.")] = 1, as_json: AsJson = False
) -> None:
    """Show when each job runs next, what it came to last, and the last retraining; exit code 1 when none runs."""
    from aletheia.lifecycle.scheduling.daemon import scheduler_status

    found = scheduler_status(runs)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2))
        raise typer.Exit(0 if found.pid else 1)
    typer.echo(f"The scheduler runs (process {found.pid})." if found.pid else "No scheduler runs.")
    for job in found.jobs:
        due = f"next {_moment(job.next_run)}" if found.pid and job.next_run else "waits for the scheduler"
        typer.echo(f"{job.name}: {due}")
        for result in job.last:
            typer.echo(f"  {_moment(result.ended)}  {result.state}  {result.text}")
    if found.retraining:
        record = found.retraining
        made = f", {record.version}" if record.version else ""
        typer.echo(f"Last retraining of {record.champion}, begun {_moment(record.started)}: {record.state}{made}.")
        for sentence in record.sentences:
            typer.echo(f"  {sentence}")
    raise typer.Exit(0 if found.pid else 1)


@app.command()
def stop() -> None:
    """End the scheduler, and a retraining that it runs; that one goes on when the scheduler is started again."""
    from aletheia.lifecycle.scheduling.daemon import stop_scheduler

    typer.echo("The scheduler was stopped." if stop_scheduler() else "No scheduler was running.")


def _moment(seconds: float | None) -> str:
    return "–" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
