"""The exporter of one project: which MLflow run is the copy of which run, and how values are written to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.tracking.mlflow_values import is_number, is_same_metric, milliseconds, valid_names
from aletheia.tracking.reader import Reader

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# Tags of a copy: uid and iteration of its run, and the run's last update at the time of the export.
UID, ITERATION, EXPORTED = "mlrun.uid", "mlrun.iteration", "mlrun.exported"
_TAG_LIMIT, _PARAM_LIMIT, _BATCH = 5000, 6000, 100  # of MLflow: characters, and values in a request


@dataclass
class ExportSummary:
    """Counts of an export.

    Attributes
    ----------
    uri : str
        MLflow tracking URI.
    created, updated, unchanged : int
        Runs that were copied for the first time, brought up to date, or left as they were.
    copied, referenced : int
        Artifacts whose files were copied, and those that are only referred to.
    models : int
        Model versions that were registered.
    problems : list of str
        Files that could not be copied, with the reason.
    experiments : dict
        MLflow's experiment id by project.
    """

    uri: str
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    copied: int = 0
    referenced: int = 0
    models: int = 0
    problems: list[str] = field(default_factory=list)
    experiments: dict[str, str] = field(default_factory=dict)


def all_copies(client: MlflowClient, experiment: str) -> Iterator[Run]:
    """Go through the copies in an experiment, deleted ones too: a copy that was deleted is not made again."""
    token = None
    while True:
        page = client.search_runs(
            [experiment], f"tags.`{UID}` != ''", run_view_type=3, max_results=1000, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def key_of(copy: Run) -> tuple[str, int]:
    """Return uid and iteration of the run that this is the copy of."""
    return copy.data.tags[UID], int(copy.data.tags.get(ITERATION, 0))


def exported(client: MlflowClient, project: str) -> dict[tuple[str, int], str | None]:
    """Return the last update at the time of the export by uid and iteration; None for a copy that was deleted."""
    experiment = client.get_experiment_by_name(project)
    copies = [] if experiment is None else all_copies(client, experiment.experiment_id)
    return {
        key_of(copy): None if copy.info.lifecycle_stage == "deleted" else copy.data.tags.get(EXPORTED, "")
        for copy in copies
    }


class Exporter:
    """Gives the runs of one project their copies in MLflow.

    Parameters
    ----------
    client
        Of MLflow.
    reader
        Of the tracking server.
    project
        Name of the project; the experiment has the same.
    summary
        Counts to add to.

    Attributes
    ----------
    copies : dict
        MLflow run by uid and iteration, deleted ones included.

    Raises
    ------
    InputError
        When the experiment was deleted in MLflow.
    """

    def __init__(self, client: MlflowClient, reader: Reader, project: str, summary: ExportSummary) -> None:
        self.client = client
        self.reader = reader
        self.project = project
        self.summary = summary
        self.experiment = summary.experiments[project] = self._open_experiment()
        self.copies = {key_of(run): run for run in all_copies(client, self.experiment)}

    def _open_experiment(self) -> str:
        experiment = self.client.get_experiment_by_name(self.project)
        if experiment is None:
            location = None
            if not self.summary.uri.startswith(("http://", "https://")):
                # Otherwise MLflow puts the files into the working directory.
                location = (get_settings().home.resolve() / "mlflow-artifacts" / self.project).as_uri()
            return self.client.create_experiment(self.project, artifact_location=location)
        if experiment.lifecycle_stage == "deleted":
            raise InputError(
                f"The experiment {self.project!r} was deleted in MLflow ({self.summary.uri}). Restore it there (mlflow"
                f" experiments restore --experiment-id {experiment.experiment_id}) or export elsewhere."
            )
        return experiment.experiment_id

    def copy_for(
        self, uid: str, iteration: int, name: str, start: str | None, tags: dict[str, str]
    ) -> tuple[Run, bool]:
        """Return the copy of a run, made now if there is none, and whether it was made now.

        Parameters
        ----------
        uid, iteration
            The run.
        name, start, tags
            Name, ISO time of the start and further tags of a new copy.
        """
        copy = self.copies.get((uid, iteration))
        if copy is not None:
            return copy, False
        tags = {UID: uid, ITERATION: str(iteration), "mlrun.project": self.project, **tags}
        copy = self.client.create_run(self.experiment, start_time=milliseconds(start), tags=tags, run_name=name)
        self.copies[uid, iteration] = copy
        return copy, True

    def log(
        self,
        copy: Run,
        *,
        params: dict[str, Any],
        metrics: dict[str, Any],
        tags: dict[str, Any],
        moment: str | None,
    ) -> None:
        """Write new parameters, numbers as metrics, and tags, in batches that MLflow accepts.

        Parameters
        ----------
        copy
            Run to write to.
        params, metrics, tags
            Values by name; parameters that the copy has, metrics that are not numbers and empty tags are left out.
        moment
            ISO time of the metrics; now, if there is none.
        """
        from mlflow.entities import Metric, Param, RunTag

        timestamp = milliseconds(moment)
        if timestamp is None:
            timestamp = int(time.time() * 1000)
        all_params = [
            Param(name, str(value)[:_PARAM_LIMIT])
            for name, value in valid_names(params).items()
            if name not in copy.data.params
        ]
        all_metrics = [
            Metric(name, float(value), timestamp, 0)
            for name, value in valid_names(metrics).items()
            if is_number(value) and not is_same_metric(copy.data.metrics.get(name), float(value))
        ]
        all_tags = [RunTag(name, str(value)[:_TAG_LIMIT]) for name, value in valid_names(tags).items() if value != ""]
        for begin in range(0, max(len(all_params), len(all_metrics), len(all_tags)), _BATCH):
            part = slice(begin, begin + _BATCH)
            self.client.log_batch(copy.info.run_id, all_metrics[part], all_params[part], all_tags[part])
