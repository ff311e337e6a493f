"""Copies of runs in MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aletheia.tracking import mlflow_files
from aletheia.tracking.mlflow_exporter import EXPORTED, Exporter
from aletheia.tracking.mlflow_values import is_number, milliseconds

if TYPE_CHECKING:
    from mlflow.entities import Run

_STATUS = {"completed": "FINISHED", "error": "FAILED", "aborted": "KILLED", "running": "RUNNING"}


def copy_run(exporter: Exporter, run: dict[str, Any]) -> None:
    """Copy a run, or bring its copy up to date; a copy that was deleted in MLflow stays deleted."""
    metadata, status = run["metadata"], run["status"]
    uid, iteration = metadata["uid"], int(metadata.get("iteration") or 0)
    name = metadata["name"] + (f" #{iteration}" if iteration else "")
    parent = exporter.copies.get((uid, 0)) if iteration else _copy_of_workflow(exporter, run)
    tags = {"mlflow.parentRunId": parent.info.run_id} if parent else {}
    copy, created = exporter.copy_for(uid, iteration, name, status.get("start_time"), tags)
    if copy.info.lifecycle_stage == "deleted" or copy.data.tags.get(EXPORTED) == status.get("last_update"):
        exporter.summary.unchanged += 1
        return
    run_id = copy.info.run_id
    _log_run(exporter, copy, run)
    mlflow_files.copy_artifacts(exporter, run_id, run)
    state = _STATUS.get(status.get("state", ""), "SCHEDULED")
    if state in ("RUNNING", "SCHEDULED"):
        exporter.client.update_run(run_id, status=state)
    else:
        end = milliseconds(status.get("end_time") or status.get("last_update"))
        exporter.client.set_terminated(run_id, state, end)
    # Last, so that an export which was interrupted is repeated.
    exporter.client.set_tag(run_id, EXPORTED, status.get("last_update", ""))
    if created:
        exporter.summary.created += 1
    else:
        exporter.summary.updated += 1


def _copy_of_workflow(exporter: Exporter, run: dict[str, Any]) -> Run | None:
    """Return the copy of the record of the workflow that a run is a step of, made now if there is none."""
    uid = (run["metadata"].get("labels") or {}).get("workflow")
    if not uid or uid == run["metadata"]["uid"]:
        return None
    if (uid, 0) not in exporter.copies:
        # A step ends, and is copied, before its workflow.
        for record in exporter.reader.runs(exporter.project, uid):
            copy_run(exporter, record)
    return exporter.copies.get((uid, 0))


def _log_run(exporter: Exporter, copy: Run, run: dict[str, Any]) -> None:
    """Write a run's parameters and results, and as tags its state, labels and inputs."""
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
    exporter.log(
        copy,
        params=spec.get("parameters") or {},
        metrics=results,
        tags=tags,
        moment=status.get("end_time") or status.get("last_update"),
    )
