"""``aletheia tracking …``: start, stop and look at the tracking service; export to MLflow; open a UI."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
import webbrowser
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="The embedded tracking service: runs, artifacts, models.")
console = Console()


@app.command()
def start() -> None:
    """Start the service, or say where it runs."""
    from aletheia.tracking import service

    running = service.start()
    console.print(f"The tracking service runs at {running.url} (pid {running.pid}), data in {running.home}.")
    console.print(f"For other programs: export MLRUN_DBPATH={running.url}", style="dim")


@app.command()
def stop() -> None:
    """Stop the service; its data stays."""
    from aletheia.tracking import service

    console.print("The tracking service was stopped." if service.stop() else "No tracking service was running.")


@app.command()
def status() -> None:
    """Say whether the service runs, what it holds, and which runs have no end; exit code 1 when it does not
    run.

    Runs whose process is gone (killed, or the machine went down) are marked as aborted.
    """
    from aletheia.tracking import service

    home = get_settings().home.resolve()
    running = service.find(home)
    if running is None:
        console.print(f"No tracking service runs on {home}. Start it by: aletheia tracking start")
        raise typer.Exit(1)
    report = service.request_json(f"{running.url}/aletheia/status")
    counts = ", ".join(f"{number} {what}" for what, number in report["counts"].items())
    console.print(f"{running.url} (pid {running.pid}): {counts}; {report['bytes'] / 1e6:.1f} MB in {home}")
    for run in report["lost"]:
        console.print(
            f"Run {run['name']} ({run['project']}/{run['uid']}) was lost with its process; it is marked aborted.",
            style="yellow",
        )
    if report["unfinished"]:
        table = Table("project", "run", "uid", "state", "last written", "processes")
        for run in report["unfinished"]:
            moment = datetime.fromtimestamp(run["updated"], UTC).astimezone()
            pids = ", ".join(str(int(owner[0])) for owner in run["owners"]) or "unknown"
            row = (run["project"], run["name"], run["uid"], run["state"], f"{moment:%Y-%m-%d %H:%M:%S}", pids)
            table.add_row(*map(escape, row))
        console.print(table)


@app.command()
def allow(folder: Path) -> None:
    """Let the service show, and the export copy, files of a folder (project folders are known already)."""
    from aletheia.tracking import folders

    if not folder.is_dir():
        raise InputError(f"{folder} is no folder.")
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
) -> None:
    """Copy runs and tagged models to MLflow; what is there already is left as it is."""
    from aletheia.tracking import mlflow_export

    done = mlflow_export.export_project(project, uri, progress=True)
    console.print(
        f"{done.created} runs copied, {done.updated} brought up to date, {done.unchanged} unchanged;"
        f" {done.copied} artifacts copied, {done.referenced} referred to; {done.models} model versions"
        " registered."
    )
    for problem in done.problems:
        console.print(problem, style="yellow")
    console.print(f"MLflow: {done.uri}")


@app.command()
def ui(
    port: int = typer.Option(5000, min=1, max=65535, help="Port of the MLflow UI on 127.0.0.1."),
    browser: bool = typer.Option(True, help="Open a browser."),
    dry_run: bool = typer.Option(False, help="Export and print, but start nothing."),
) -> None:
    """Export, then show the runs in the MLflow UI; also print how the MLRun UI gets at the service."""
    from aletheia.tracking import ensure_tracking, mlflow_export

    url = ensure_tracking(progress=True)
    done = mlflow_export.export_project(progress=True)
    console.print(
        f"The MLRun UI on the same data (Docker, Linux; then open http://localhost:8090):\n  {mlrun_ui(url)}",
        soft_wrap=True,
    )
    if done.uri.startswith(("http://", "https://")):
        console.print(f"The runs are at {done.uri}")
        return
    address = f"http://127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--backend-store-uri", done.uri),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
    ]
    # Without the rest of the address the page opens on its views for language models.
    last = list(done.experiments.values())[-1:]
    page = address + "".join(f"/#/experiments/{number}/runs?workflowType=machine_learning" for number in last)
    console.print(f"MLflow UI (Ctrl-C ends it; the data stays):\n  {page}", soft_wrap=True)
    if dry_run:
        return
    _refuse_taken(port)
    # No telemetry, and none of the processes for MLflow's background jobs, which nothing here uses.
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    process = subprocess.Popen(command, env={**os.environ, **quiet})
    try:
        if browser and _wait_until_it_answers(address, process):
            webbrowser.open(page)
        raise typer.Exit(process.wait())
    except KeyboardInterrupt:
        process.wait()
    finally:
        if process.poll() is None:
            process.terminate()


def _wait_until_it_answers(address: str, process: subprocess.Popen, seconds: float = 90.0) -> bool:
    """Wait for the UI, which takes its time to start; False when it ended or did not answer."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return True
        except OSError:
            time.sleep(0.5)
    return False


def mlrun_ui(url: str) -> str:
    """The command that starts the stock MLRun UI on a tracking service.

    The image is a web server on port 8090 which passes requests for ``/api`` on; the service listens on
    loopback only, hence the host's network.
    """
    from aletheia.tracking.routes.spec import MLRUN_VERSION

    return f"docker run --rm --network host -e MLRUN_API_PROXY_URL={url} mlrun/mlrun-ui:{MLRUN_VERSION}"


def _refuse_taken(port: int) -> None:
    from aletheia.tracking.server import bind

    try:
        bind(port).close()
    except OSError:
        raise InputError(f"Port {port} on 127.0.0.1 is taken. Choose another: aletheia tracking ui --port …") from None
