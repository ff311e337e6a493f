"""Copy runs to MLflow, one way: MLRun stays the truth, MLflow gets what is needed to look at and compare.

A run becomes an MLflow run in the experiment of its project's name, the iterations of a grid become nested
runs. A copy carries the run's uid as a tag, by which it is found again: exporting twice makes nothing twice,
and a run that has not changed since costs nothing. MLflow's parameters cannot be changed, so those of a run
are written once.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.tracking.mlflow_values import is_number, milliseconds, same, valid_names
from aletheia.tracking.reader import Reader

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

UID, ITERATION, EXPORTED = "mlrun.uid", "mlrun.iteration", "mlrun.exported"
_STATUS = {"completed": "FINISHED", "error": "FAILED", "aborted": "KILLED", "running": "RUNNING"}
_TAG_LIMIT, _PARAM_LIMIT, _BATCH = 5000, 6000, 100


@dataclass
class Exported:
    """What an export did."""

    uri: str
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    copied: int = 0
    referenced: int = 0
    models: int = 0
    problems: list[str] = field(default_factory=list)
    experiments: dict[str, str] = field(default_factory=dict)  # MLflow's id by project


def default_uri() -> str:
    """``MLFLOW_TRACKING_URI``, or an SQLite file beside the tracking database."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{get_settings().home.resolve() / 'mlflow.db'}"


def connect(uri: str) -> MlflowClient:
    """A client for an MLflow server or database.

    Raises
    ------
    InputError
        When nothing answers at the address, which MLflow itself would find out only after minutes.
    """
    if uri.startswith(("http://", "https://")):
        try:
            urllib.request.urlopen(uri, timeout=10).close()
        except urllib.error.HTTPError:
            pass  # somebody is there; what it thinks of this page does not matter
        except (OSError, ValueError) as error:
            raise InputError(
                f"No MLflow server answers at {uri}: {getattr(error, 'reason', error)}. Start it, or correct"
                " MLFLOW_TRACKING_URI."
            ) from None
    # MLflow reports its use to its makers unless told not to; nobody here has asked for that.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    for name in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_experiments(max_results=1)
    except MlflowException as error:
        raise InputError(f"MLflow cannot use {uri}: {error.message}") from None
    return client


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One export at a time: two that look for the same run before either has made it would make it twice."""
    home = get_settings().home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(home / "export.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def export_project(project: str | None = None, uri: str | None = None, *, progress: bool = False) -> Exported:
    """Export all runs and tagged models of a project, or of every project.

    Parameters
    ----------
    project
        Name; None means all.
    uri
        MLflow tracking URI: ``sqlite:///…`` or a server; None takes :func:`default_uri`.

    Raises
    ------
    InputError
        When either side does not answer or the project is unknown.
    """
    return _export(project, None, uri, progress)


def export_run(uid: str, project: str, uri: str | None = None) -> Exported:
    """Export one run with its iterations, and the project's tagged models; for use after each run.

    Raises
    ------
    InputError
        When either side does not answer or the run is unknown.
    """
    return _export(project, uid, uri, False)


def _export(project: str | None, uid: str | None, uri: str | None, progress: bool) -> Exported:
    from aletheia.tracking import ensure_tracking, mlflow_models

    address = ensure_tracking()
    uri = uri or default_uri()
    client = connect(uri)
    result = Exported(uri)
    from mlflow.exceptions import MlflowException

    with _alone(), Reader(address) as reader:
        known = reader.projects()
        if project is not None and project not in known:
            raise InputError(f"There is no project {project!r} at {address}. Known: {', '.join(known) or 'none'}.")
        try:
            for name in [project] if project else known:
                runs = reader.runs(name, uid)
                if uid and not runs:
                    raise InputError(f"There is no run {uid} in project {name!r} at {address}.")
                exporter = Exporter(client, reader, name, result)
                for run in tqdm(runs, desc=f"Exporting {name}", unit="run", disable=not progress):
                    exporter.export(run)
                mlflow_models.register(exporter)
        except MlflowException as error:
            raise InputError(f"MLflow at {uri} refused: {error.message}") from None
    return result


class Exporter:
    """Copies the runs of one project; remembers which MLflow run is the copy of which."""

    def __init__(self, client: MlflowClient, reader: Reader, project: str, result: Exported) -> None:
        self.client = client
        self.reader = reader
        self.project = project
        self.result = result
        self.experiment = result.experiments[project] = self._experiment()
        self.copies: dict[tuple[str, int], Run] = {}
        token = None
        while True:
            # Deleted ones too: what somebody threw away in MLflow does not come back.
            page = client.search_runs(
                [self.experiment], f"tags.`{UID}` != ''", run_view_type=3, max_results=1000, page_token=token
            )
            for run in page:
                self.copies[run.data.tags[UID], int(run.data.tags.get(ITERATION, 0))] = run
            token = page.token
            if not token:
                break

    def _experiment(self) -> str:
        found = self.client.get_experiment_by_name(self.project)
        if found is None:
            location = None
            if not self.result.uri.startswith(("http://", "https://")):
                # Else MLflow puts the files into a folder of wherever this happens to be called.
                location = (get_settings().home.resolve() / "mlflow-artifacts" / self.project).as_uri()
            return self.client.create_experiment(self.project, artifact_location=location)
        if found.lifecycle_stage == "deleted":
            raise InputError(
                f"The experiment {self.project!r} was deleted in MLflow ({self.result.uri}). Restore it"
                " there (mlflow"
                f" experiments restore --experiment-id {found.experiment_id}) or export elsewhere."
            )
        return found.experiment_id

    def copy_for(
        self, uid: str, iteration: int, name: str, start: str | None, tags: dict[str, str]
    ) -> tuple[Run, bool]:
        """The copy of a run and whether it was made now."""
        found = self.copies.get((uid, iteration))
        if found is not None:
            return found, False
        tags = {UID: uid, ITERATION: str(iteration), "mlrun.project": self.project, **tags}
        made = self.client.create_run(self.experiment, start_time=milliseconds(start), tags=tags, run_name=name)
        self.copies[uid, iteration] = made
        return made, True

    def export(self, run: dict[str, Any]) -> None:
        """Copy one run, or bring its copy up to date."""
        from aletheia.tracking import mlflow_files

        metadata, status = run["metadata"], run["status"]
        uid, iteration = metadata["uid"], int(metadata.get("iteration") or 0)
        name = metadata["name"] + (f" #{iteration}" if iteration else "")
        parent = self.copies.get((uid, 0)) if iteration else None
        tags = {"mlflow.parentRunId": parent.info.run_id} if parent else {}
        copy, created = self.copy_for(uid, iteration, name, status.get("start_time"), tags)
        if copy.info.lifecycle_stage == "deleted" or copy.data.tags.get(EXPORTED) == status.get("last_update"):
            self.result.unchanged += 1
            return
        identifier = copy.info.run_id
        self._log(copy, run)
        mlflow_files.copy(self, identifier, run)
        state = _STATUS.get(status.get("state", ""), "SCHEDULED")
        if state in ("RUNNING", "SCHEDULED"):
            self.client.update_run(identifier, status=state)
        else:
            end = milliseconds(status.get("end_time") or status.get("last_update"))
            self.client.set_terminated(identifier, state, end)
        # Last, so that an export which was interrupted is done again.
        self.client.set_tag(identifier, EXPORTED, status.get("last_update", ""))
        if created:
            self.result.created += 1
        else:
            self.result.updated += 1

    def _log(self, copy: Run, run: dict[str, Any]) -> None:
        metadata, spec, status = run["metadata"], run.get("spec") or {}, run["status"]
        results = status.get("results") or {}
        tags = {
            "mlrun.state": status.get("state", ""),
            "mlrun.function": spec.get("function", ""),
            "mlrun.error": status.get("error", ""),
            "mlflow.user": (metadata.get("labels") or {}).get("owner", ""),
            "mlflow.source.name": spec.get("handler") or spec.get("function", ""),
        }
        tags |= {f"label.{name}": value for name, value in (metadata.get("labels") or {}).items()}
        tags |= {f"input.{name}": value for name, value in (spec.get("inputs") or {}).items()}
        tags |= {f"result.{name}": value for name, value in results.items() if not is_number(value)}
        self.log(
            copy,
            params=spec.get("parameters") or {},
            metrics=results,
            tags=tags,
            moment=status.get("end_time") or status.get("last_update"),
        )

    def log(
        self,
        copy: Run,
        *,
        params: dict[str, Any],
        metrics: dict[str, Any],
        tags: dict[str, Any],
        moment: str | None,
    ) -> None:
        """Write parameters that are new, numbers as metrics, and tags, in batches that MLflow accepts."""
        from mlflow.entities import Metric, Param, RunTag

        stamp = milliseconds(moment)
        all_params = [
            Param(name, str(value)[:_PARAM_LIMIT])
            for name, value in valid_names(params).items()
            if name not in copy.data.params
        ]
        all_metrics = [
            Metric(name, float(value), stamp, 0)
            for name, value in valid_names(metrics).items()
            if is_number(value) and not same(copy.data.metrics.get(name), float(value))
        ]
        all_tags = [RunTag(name, str(value)[:_TAG_LIMIT]) for name, value in valid_names(tags).items() if value != ""]
        for begin in range(0, max(len(all_params), len(all_metrics), len(all_tags)), _BATCH):
            part = slice(begin, begin + _BATCH)
            self.client.log_batch(copy.info.run_id, all_metrics[part], all_params[part], all_tags[part])
