"""The runs of whole workflows, as people compare them: what was set, what came out, and what differs between two."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pandas as pd

from aletheia.core.errors import InputError
from aletheia.evaluation.score_comparison import ScoreComparison, compare_scores
from aletheia.project.workflow_record import is_workflow
from aletheia.project.workspace import PROJECT_NAME
from aletheia.tracking import ensure_tracking
from aletheia.tracking.reader import Reader

_SHOWN = 8  # digits of a uid
EVALUATE = "evaluate"
#: Results of an experiment that are not numbers of the model: they differ without meaning.
TIMES = ("seconds",)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The run of one workflow.

    Attributes
    ----------
    uid : str
        Of the record, and label `workflow` of the runs of its steps.
    name : str
        Of the workflow.
    label : str
        Name of the experiment that it was run for; empty where none was given.
    started : str
        ISO time.
    state : str
        running, completed, error or aborted.
    parameters, results : dict
        All options, and the headline numbers, by name.
    steps : dict of str to str
        uid of each step's run by its name.
    error : str
        Why it failed.
    """

    uid: str
    name: str
    label: str
    started: str
    state: str
    parameters: dict[str, Any]
    results: dict[str, Any]
    steps: dict[str, str]
    error: str = ""

    @property
    def short(self) -> str:
        """The first digits of the uid, which name it in commands."""
        return self.uid[:_SHOWN]

    def result(self, name: str) -> float:
        """Return a number of the results; NaN where there is none."""
        value = self.results.get(name)
        return float(value) if isinstance(value, int | float) else math.nan


@dataclasses.dataclass(frozen=True)
class ExperimentComparison:
    """What differs between two experiments.

    Attributes
    ----------
    first, second : Experiment
    parameters, results : DataFrame
        Columns name, first, second: those that differ; None where one has none.
    scores : ScoreComparison or None
        On the test rows that both hold.
    reason : str
        Why `scores` is None.
    """

    first: Experiment
    second: Experiment
    parameters: pd.DataFrame
    results: pd.DataFrame
    scores: ScoreComparison | None
    reason: str = ""


def list_experiments(project: str = PROJECT_NAME, url: str | None = None) -> list[Experiment]:
    """List the experiments of a project, the newest first.

    Parameters
    ----------
    project : str
        Name of the project.
    url : str, optional
        Of the tracking service; by default that of this process, which is started if need be.

    Raises
    ------
    InputError
        When the tracking service does not answer.
    """
    with Reader(url or ensure_tracking(progress=True)) as reader:
        runs = reader.runs(project)
    steps: dict[str, dict[str, str]] = {}
    for run in runs:
        labels = run["metadata"].get("labels") or {}
        if "workflow" in labels and not is_workflow(run) and not run["metadata"].get("iteration"):
            steps.setdefault(labels["workflow"], {})[run["metadata"]["name"]] = run["metadata"]["uid"]
    found = [_experiment(run, steps.get(run["metadata"]["uid"], {})) for run in runs if is_workflow(run)]
    return sorted(found, key=lambda experiment: experiment.started, reverse=True)


def find_experiment(experiments: list[Experiment], word: str) -> Experiment:
    """Find an experiment by the first digits of its uid, or the newest with a label.

    Raises
    ------
    InputError
        When there is none, or the digits are those of several.
    """
    labelled = [experiment for experiment in experiments if experiment.label and experiment.label == word]
    if labelled:
        return labelled[0]
    found = [experiment for experiment in experiments if word and experiment.uid.startswith(word.lower())]
    if len(found) == 1:
        return found[0]
    known = ", ".join(experiment.short for experiment in (found or experiments)[:10]) or "none yet"
    reason = f"is the beginning of {len(found)} runs" if found else "is no run of the workflow"
    raise InputError(f"{word!r} {reason}; there are: {known}. See `aletheia runs list`.")


def compare_experiments(first: Experiment, second: Experiment, project: str = PROJECT_NAME) -> ExperimentComparison:
    """Compare two experiments: parameters, headline numbers, and, where test rows are the same, row by row.

    Raises
    ------
    InputError
        When both are one.
    """
    if first.uid == second.uid:
        raise InputError(f"Both name the run {first.short}; name two runs to compare. See `aletheia runs list`.")
    scores, reason = None, ""
    try:
        scores = compare_scores(*(load_scores(experiment, project) for experiment in (first, second)))
    except InputError as error:
        reason = str(error)
    return ExperimentComparison(
        first,
        second,
        _differences(_in_effect(first.parameters), _in_effect(second.parameters)),
        _differences(_without_times(first.results), _without_times(second.results)),
        scores,
        reason,
    )


def load_scores(experiment: Experiment, project: str) -> pd.DataFrame:
    """Read the scores of an experiment's test rows.

    Raises
    ------
    InputError
        When it evaluated nothing, or the file is gone.
    """
    import mlrun

    uid = experiment.steps.get(EVALUATE)
    run = mlrun.get_run_db().read_run(uid, project) if uid else {}
    uri = (run.get("status", {}).get("artifact_uris") or {}).get("scores")
    if uri is None:
        raise InputError(f"Run {experiment.short} evaluated nothing ({experiment.error or experiment.state}).")
    try:
        return pd.DataFrame(mlrun.get_dataitem(uri).as_df())
    except (OSError, mlrun.errors.MLRunNotFoundError):
        raise InputError(
            f"The scores of run {experiment.short} are gone, as after `aletheia runs prune`: run it again to compare."
        ) from None


def experiment_table(experiments: list[Experiment]) -> pd.DataFrame:
    """Return one row for each experiment, with every parameter as `param.NAME` and every result under its name."""
    rows = [
        {
            "run": experiment.short,
            "started": experiment.started,
            "experiment": experiment.label,
            "state": experiment.state,
            **{f"param.{name}": value for name, value in experiment.parameters.items()},
            **experiment.results,
        }
        for experiment in experiments
    ]
    return pd.DataFrame(rows)


def _experiment(run: dict[str, Any], steps: dict[str, str]) -> Experiment:
    metadata, status = run["metadata"], run["status"]
    return Experiment(
        uid=metadata["uid"],
        name=metadata["name"],
        label=str((metadata.get("labels") or {}).get("experiment", "")),
        started=str(status.get("start_time", "")),
        state=str(status.get("state", "")),
        parameters=dict((run.get("spec") or {}).get("parameters") or {}),
        results=dict(status.get("results") or {}),
        steps=steps,
        error=str(status.get("error") or ""),
    )


def _in_effect(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters without the lists of the search that a column of the same name replaced."""
    columns = parameters.get("search_columns") or {}
    replaced = {"learning_rates": "learning_rate", "batch_sizes": "batch_size"}
    return {name: value for name, value in parameters.items() if replaced.get(name) not in columns}


def _without_times(results: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in results.items() if name not in TIMES}


def _differences(first: dict[str, Any], second: dict[str, Any]) -> pd.DataFrame:
    names = [*first, *(name for name in second if name not in first)]
    rows = [(name, first.get(name), second.get(name)) for name in names if first.get(name) != second.get(name)]
    return pd.DataFrame(rows, columns=["name", "first", "second"], dtype=object)
