"""The run of a whole workflow: one record with all options and the headline numbers, parent of the runs of its steps.

Its uid is the identifier of the workflow, which the runs of the steps carry as their label ``workflow``.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aletheia.evaluation.few_groups import no_interval_reason
from aletheia.project.progress import current_workflow
from aletheia.project.run_config import RunConfig
from aletheia.project.summary import summarise

#: Label of the record, and its value.
KIND = ("kind", "workflow")


def is_workflow(run: dict[str, Any]) -> bool:
    """Whether a run, as the tracking service lists it, is the record of a whole workflow."""
    name, value = KIND
    return bool((run["metadata"].get("labels") or {}).get(name) == value)


def steps_of(workflow: str, project: str) -> list[dict[str, Any]]:
    """List the runs of a workflow's steps, as the tracking service holds them, without the record of the whole."""
    import mlrun

    runs = mlrun.get_run_db().list_runs(project=project, labels=f"workflow={workflow}")
    return [run for run in runs if not is_workflow(run)]


@contextlib.contextmanager
def recorded_workflow(config: RunConfig, name: str = "main") -> Iterator[None]:
    """Record the workflow that runs inside; without one, as when a pipeline is compiled, do nothing.

    Parameters
    ----------
    config : RunConfig
        All of its options become parameters of the record.
    name : str
        Of the workflow.
    """
    project, workflow = current_workflow()
    if not workflow:
        yield
        return
    import mlrun

    database, started = mlrun.get_run_db(), time.time()
    record = {
        "metadata": {"name": name, "uid": workflow, "project": project, "labels": _labels(config, workflow)},
        "spec": {"parameters": flat_parameters(config)},
        "status": {"state": "running", "start_time": _now(), "last_update": _now()},
    }
    database.store_run(record, workflow, project)

    def finish(state: str, **status: Any) -> None:
        change = {"status.state": state, "status.last_update": _now(), "status.end_time": _now()}
        change |= {f"status.{key}": value for key, value in status.items()}
        database.update_run(change, workflow, project)

    try:
        yield
    except KeyboardInterrupt:
        finish("aborted", error="interrupted (Ctrl-C)")
        raise
    except BaseException as error:
        finish("error", error=str(error), results=headline(steps_of(workflow, project), time.time() - started))
        raise
    finish("completed", results=headline(steps_of(workflow, project), time.time() - started))


def flat_parameters(config: RunConfig) -> dict[str, Any]:
    """Return all options by name, those of the recipe as ``recipe.NAME``."""
    values = config.model_dump()
    recipe = values.pop("recipe")
    return values | {f"recipe.{name}": value for name, value in recipe.items()}


def headline(steps: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Return the numbers by which people compare experiments, from the results of the steps.

    Parameters
    ----------
    steps : list of dict
        Runs of one workflow; steps that did not run add nothing.
    seconds : float
        Wall-clock time of the workflow.

    Returns
    -------
    dict
        Numbers and texts. Where an AUC has no interval, `auc_low` and `auc_high` are None and `auc_interval` says why.
    """
    summary = summarise(steps, state="", seconds=seconds, root=Path())
    evaluated = next((run["status"].get("results") or {} for run in steps if run["metadata"]["name"] == "evaluate"), {})
    baselines = {name: auc for name, auc in summary["baseline_aucs"].items() if auc is not None}
    best = max(baselines, key=baselines.__getitem__, default=None)
    values = {
        "verdict": (summary["model_uri"] or "").rpartition(":")[2] or None,
        "failed_checks": summary["failed_checks"],
        "unjudged_checks": summary["unjudged_checks"],
        "auc": summary["test_auc"],
        "balanced_accuracy": summary["test_balanced_accuracy"],
        "best_control": best,
        "best_control_auc": baselines.get(best or ""),
        "shortcut_auc": summary["shortcut_auc"],
        "gives_away": summary["gives_away"],
        **{f"best_{name}": value for name, value in (summary["best_params"] or {}).items()},
        "search_loss": summary["search_loss"],
        **{f"rows_{part}": rows for part, rows in summary["rows"].items()},
        **{name: evaluated.get(name) for name in ("data_hash", "test_data_hash")},
        "seconds": summary["seconds"],
    }
    known = {name: value for name, value in values.items() if value is not None}
    return known | _interval(evaluated) if "auc" in known else known


def _interval(evaluated: dict[str, Any]) -> dict[str, Any]:
    """Return the ends of the AUC's interval, or the reason why there are none."""
    ends = {name: evaluated.get(name) for name in ("auc_low", "auc_high")}
    if None not in ends.values():
        return ends
    real, fake = evaluated.get("groups_real"), evaluated.get("groups_fake")
    reason = "" if real is None or fake is None else no_interval_reason(int(real), int(fake))
    return ends | {"auc_interval": f"not computed: {reason or 'the evaluation gives none'}"}


def _labels(config: RunConfig, workflow: str) -> dict[str, str]:
    # With the label of its steps it is found, shown and, after Ctrl-C, ended together with them.
    return {KIND[0]: KIND[1], "workflow": workflow, **config.labels()}


def _now() -> str:
    return datetime.now(UTC).isoformat()
