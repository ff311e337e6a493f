"""``aletheia tracking …``: start, stop and inspect the tracking service; export to MLflow; open a UI."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
import urllib.request
import webbrowser
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aletheia.core.errors import InputError
from aletheia.core.lifetime import start_bound
from aletheia.core.settings import get_settings
from aletheia.core.wording import counted
from aletheia.tracking.constants import MLRUN_VERSION

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
app = typer.Typer(no_args_is_help=True, help="The embedded tracking service: runs, artifacts, models.")
console = Console()


@app.command()
def start(as_json: AsJson = False) -> None:
    """Start the service, if it does not run, and show its address."""
    from aletheia.tracking import access, service

    running = service.start()
    if as_json:
        print(json.dumps({"url": running.url, "pid": running.pid, "home": str(running.home)}))
        return
    console.print(f"The tracking service runs at {running.url} (pid {running.pid}), data in {running.home}.")
    console.print(f"For other programs of yours: export MLRUN_DBPATH={running.url}", style="dim")
    address = access.without_token(running.url).replace("://", f"://{access.USER}:$(cat {running.home / access.FILE})@")
    console.print(f"In a container:              export MLRUN_DBPATH={address}", style="dim")


@app.command()
def env() -> None:
    """Print the variables by which other programs find the service, started if need be, as a file of variables.

    aletheia tracking env > mlrun.env; then mlrun project ./ -r main --env-file mlrun.env, or export each line.
    """
    from aletheia.tracking import service

    print(f"MLRUN_DBPATH={service.start().url}")


@app.command()
def stop() -> None:
    """Stop the service; its data stays."""
    from aletheia.tracking import service

    console.print("The tracking service was stopped." if service.stop() else "No tracking service was running.")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show the service, its content and its unfinished runs; exit code 1 when it does not run.

    Runs whose process has ended without finishing them (killed, or the machine went down) are marked as aborted.
    """
    from aletheia.tracking import service

    home = get_settings().home.resolve()
    running = service.find(home)
    if running is None and as_json:
        print(json.dumps({"url": None, "home": str(home)}))
        raise typer.Exit(1)
    if running is None:
        console.print(f"No tracking service runs on {home}. Start it by: aletheia tracking start")
        raise typer.Exit(1)
    report = service.request_json(f"{running.url}/aletheia/status")
    if as_json:
        print(json.dumps({"url": running.url, "pid": running.pid, "home": str(home), **report}))
        return
    counts = ", ".join(f"{number} {table}" for table, number in report["counts"].items())
    console.print(f"{running.url} (pid {running.pid}): {counts}; {report['bytes'] / 1e6:.1f} MB in {home}")
    console.print(f"For other programs of yours: export MLRUN_DBPATH={running.url}", style="dim")
    for run in report["lost"]:
        console.print(
            f"Run {run['name']} ({run['project']}/{run['uid']}) was lost with its process; it is marked aborted.",
            style="yellow",
        )
    if report["unfinished"]:
        listing = Table("project", "run", "uid", "state", "last written", "processes")
        for run in report["unfinished"]:
            moment = datetime.fromtimestamp(run["updated"], UTC).astimezone()
            pids = ", ".join(str(int(owner[0])) for owner in run["owners"]) or "unknown"
            row = (run["project"], run["name"], run["uid"], run["state"], f"{moment:%Y-%m-%d %H:%M:%S}", pids)
            listing.add_row(*map(escape, row))
        console.print(listing)


@app.command()
def allow(folder: Path) -> None:
    """Allow the service to show, and the export to copy, files of a folder (project folders are allowed already)."""
    from aletheia.tracking import folders

    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder.")
    try:
        folders.allow(get_settings().home.resolve(), folder)
    except ValueError as error:
        raise InputError(str(error)) from None
    console.print(f"Files below {folder.resolve()} may be shown.")


@app.command()
def export(
    project: str | None = typer.Option(None, help="Only this project."),
    uri: str | None = typer.Option(
        None,
        help="MLflow tracking URI (sqlite:///…, http://…); default: MLFLOW_TRACKING_URI, else a file.",
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Count what would be copied, and copy nothing."),
    as_json: AsJson = False,
) -> None:
    """Copy runs and tagged models to MLflow; copies that are up to date are left as they are."""
    from aletheia.tracking import mlflow_export

    if dry_run:
        plan = mlflow_export.plan_export(project, uri)
        if as_json:
            print(json.dumps(dataclasses.asdict(plan), default=str))
            return
        console.print(
            f"{counted(plan.created, 'run')} would be copied, {plan.updated} brought up to date; "
            f"{plan.unchanged} unchanged."
        )
        console.print(f"MLflow: {plan.uri}")
        return
    summary = mlflow_export.export_project(project, uri, progress=True)
    if as_json:
        print(json.dumps(dataclasses.asdict(summary), default=str))
        return
    console.print(
        f"{counted(summary.created, 'run')} copied, {summary.updated} brought up to date, "
        f"{summary.unchanged} unchanged;"
        f" {counted(summary.copied, 'artifact')} copied, {summary.referenced} referred to;"
        f" {summary.models} model versions registered."
    )
    for problem in summary.problems:
        console.print(problem, style="yellow")
    console.print(f"MLflow: {summary.uri}")


@app.command()
def ui(
    port: int = typer.Option(5000, min=1, max=65535, help="Port of the MLflow UI on 127.0.0.1."),
    browser: bool = typer.Option(True, help="Open a browser."),
    dry_run: bool = typer.Option(False, help="Export and print, but start nothing."),
) -> None:
    """Export, then show the runs in the MLflow UI; also print how to start the MLRun UI on the same data."""
    from aletheia.tracking import access, ensure_tracking, mlflow_export

    url = ensure_tracking(progress=True)
    summary = mlflow_export.export_project(progress=True)
    console.print(
        f"The MLRun UI on the same data (Docker, Linux; then open http://localhost:8090):\n  {mlrun_ui(url)}\n"
        f"  The browser asks for a name, {access.USER}, and a password: the content of"
        f" {get_settings().home.resolve() / access.FILE}",
        soft_wrap=True,
    )
    if summary.uri.startswith(("http://", "https://")):
        console.print(f"The runs are at {summary.uri}")
        return
    address = f"http://127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--backend-store-uri", summary.uri),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
    ]
    # Without the query the page opens on its views for language models.
    experiment = next(reversed(summary.experiments.values()), None)
    page = address + (f"/#/experiments/{experiment}/runs?workflowType=machine_learning" if experiment else "")
    console.print(f"MLflow UI (Ctrl-C ends it; the data stays):\n  {page}", soft_wrap=True)
    if dry_run:
        return
    _check_port(port)
    # No telemetry, and none of the processes for MLflow's background jobs, which nothing here uses.
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    process = start_bound(command, env={**os.environ, **quiet})
    try:
        if browser and _wait_until_answered(address, process):
            webbrowser.open(page)
        raise typer.Exit(process.wait())
    except KeyboardInterrupt:
        process.wait()
    finally:
        if process.poll() is None:
            process.terminate()


def _wait_until_answered(address: str, process: subprocess.Popen[bytes], seconds: float = 90.0) -> bool:
    """Wait for the UI to start; return False when it ended or did not answer in time."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return True
        except OSError:
            time.sleep(0.5)
    return False


def mlrun_ui(url: str) -> str:
    """Return the command that starts the stock MLRun UI on a tracking service.

    The image is a web server on port 8090 which forwards requests for ``/api``, and those for Nuclio, which the service
    answers with empty lists; it listens on the loopback interface only, hence the host's network.
    """
    from aletheia.tracking.access import without_token

    address = without_token(url)
    variables = f"-e MLRUN_API_PROXY_URL={address} -e MLRUN_NUCLIO_API_URL={address}"
    return f"docker run --rm --network host {variables} mlrun/mlrun-ui:{MLRUN_VERSION}"


def _check_port(port: int) -> None:
    """Refuse a port that is taken, before MLflow is started on it."""
    from aletheia.tracking.server import bind

    try:
        bind(port).close()
    except OSError:
        raise InputError(f"Port {port} on 127.0.0.1 is taken. Choose another: aletheia tracking ui --port …") from None
