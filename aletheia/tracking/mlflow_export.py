"""Export of runs and models to MLflow. It goes one way: MLRun's data stays authoritative.

A run becomes an MLflow run in the experiment with the name of its project; the steps of a workflow become runs nested
in that of the workflow, and the iterations of a hyper-parameter run nested in theirs; training curves become metrics by
epoch. A copy carries the run's uid as a tag, by which it is found again: exporting twice creates nothing twice, and a
run that has not changed since costs nothing. MLflow's parameters cannot be changed, so those of a run are written once.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from aletheia.core.errors import InputError
from aletheia.core.progress import tqdm
from aletheia.core.settings import get_settings
from aletheia.tracking import mlflow_models, mlflow_runs
from aletheia.tracking.access import without_token
from aletheia.tracking.connect import ensure_tracking
from aletheia.tracking.mlflow_access import refusal, refuse_password_in_address
from aletheia.tracking.mlflow_exporter import Exporter, ExportSummary, exported
from aletheia.tracking.reader import Reader

if TYPE_CHECKING:
    from mlflow import MlflowClient


def default_uri() -> str:
    """Return ``MLFLOW_TRACKING_URI``, or the URI of an SQLite file beside the tracking database."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{get_settings().home.resolve() / 'mlflow.db'}"


def connect(uri: str) -> MlflowClient:
    """Make a client of an MLflow server or database.

    Raises
    ------
    InputError
        When nothing answers at the address, which MLflow itself would report only after minutes; when the server wants
        another user or password than those of the environment.
    """
    refuse_password_in_address(uri)
    if uri.startswith(("http://", "https://")):
        try:
            urllib.request.urlopen(uri, timeout=30).close()
        except urllib.error.HTTPError:
            pass  # a server answers; the status of this page does not matter
        except (OSError, ValueError) as error:
            raise InputError(
                f"No MLflow server answers at {uri}: {getattr(error, 'reason', error)}. Start it, or correct"
                " MLFLOW_TRACKING_URI."
            ) from None
    # MLflow reports its use to its makers unless that is disabled; the users of this project have not agreed to that.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # With a server it would print a line for each run amid what `--json` prints.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    for name in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_experiments(max_results=1)
    except MlflowException as error:
        raise refusal(uri, error) from None
    return client


@contextlib.contextmanager
def _export_lock() -> Iterator[None]:
    """Allow one export at a time: two that both find a run not yet copied would copy it twice."""
    home = get_settings().home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "export.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def export_project(project: str | None = None, uri: str | None = None, *, progress: bool = False) -> ExportSummary:
    """Export all runs and tagged models of a project, or of every project.

    Parameters
    ----------
    project
        Name; None means all.
    uri
        MLflow tracking URI: ``sqlite:///…`` or a server; None takes :func:`default_uri`.
    progress
        Show a progress bar on standard error.

    Raises
    ------
    InputError
        When either side does not answer or the project is unknown.
    """
    return _export(project, None, uri, progress)


def export_run(uid: str, project: str, uri: str | None = None) -> ExportSummary:
    """Export one run with its iterations, and the project's tagged models; meant for use after each run.

    Raises
    ------
    InputError
        When either side does not answer or the run is unknown.
    """
    return _export(project, uid, uri, False)


def export_models(project: str, uri: str | None = None, *, key: str | None = None) -> ExportSummary:
    """Export the tagged models of a project (those of one key, or all) with their aliases, and no runs.

    Raises
    ------
    InputError
        When either side does not answer.
    """
    address, uri = ensure_tracking(), uri or default_uri()
    client, summary = connect(uri), ExportSummary(uri)
    from mlflow.exceptions import MlflowException

    with _export_lock(), Reader(address) as reader:
        try:
            mlflow_models.register_models(Exporter(client, reader, project, summary), key)
        except MlflowException as error:
            raise refusal(uri, error) from None
    return summary


def plan_export(project: str | None = None, uri: str | None = None) -> ExportSummary:
    """Count the runs that an export would copy, bring up to date or leave alone; nothing is written.

    Raises
    ------
    InputError
        As `export_project` does.
    """
    address, summary = ensure_tracking(), ExportSummary(uri or default_uri())
    # MLflow would make the database.
    is_new = summary.uri.startswith("sqlite:///") and not Path(summary.uri.removeprefix("sqlite:///")).exists()
    client = None if is_new else connect(summary.uri)
    with Reader(address) as reader:
        for name in _projects(reader, project, address):
            copies = {} if client is None else exported(client, name)
            for run in reader.runs(name):
                key = (run["metadata"]["uid"], int(run["metadata"].get("iteration") or 0))
                if key not in copies:
                    summary.created += 1
                elif copies[key] in (None, run["status"].get("last_update")):
                    summary.unchanged += 1
                else:
                    summary.updated += 1
    return summary


def _projects(reader: Reader, project: str | None, address: str) -> list[str]:
    """List the project of this name, or all.

    Raises
    ------
    InputError
        When it is unknown.
    """
    projects = reader.projects()
    if project is not None and project not in projects:
        names = ", ".join(projects) or "none"
        raise InputError(f"There is no project {project!r} at {without_token(address)}. Known: {names}.")
    return [project] if project else projects


def _export(project: str | None, uid: str | None, uri: str | None, progress: bool) -> ExportSummary:
    address = ensure_tracking()
    uri = uri or default_uri()
    client = connect(uri)
    summary = ExportSummary(uri)
    from mlflow.exceptions import MlflowException

    with _export_lock(), Reader(address) as reader:
        projects = _projects(reader, project, address)
        try:
            for name in projects:
                runs = reader.runs(name, uid)
                if uid and not runs:
                    raise InputError(f"There is no run {uid} in project {name!r} at {without_token(address)}.")
                exporter = Exporter(client, reader, name, summary)
                for run in tqdm(runs, desc=f"Exporting {name}", unit="run", disable=not progress):
                    mlflow_runs.copy_run(exporter, run)
                mlflow_models.register_models(exporter)
        except MlflowException as error:
            raise refusal(uri, error) from None
    return summary
