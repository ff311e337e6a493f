"""Experiments in words: rows of a table, the sentences of a comparison, and values for JSON."""

from __future__ import annotations

import math
from typing import Any

from aletheia.core.jsonable import to_records
from aletheia.project.experiments import Experiment, ExperimentComparison
from aletheia.stats.estimate import Estimate

HEAD = ("started", "experiment", "test AUC", "best control", "verdict")


def value_text(value: Any) -> str:
    """Write a parameter or result for people; a dictionary as name=value."""
    if value is None or value in ("", [], {}):
        return "–"
    if isinstance(value, dict):
        return "; ".join(f"{name}={value_text(one)}" for name, one in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(value_text, value)) if isinstance(value, list | tuple) else str(value)


def auc_of(experiment: Experiment) -> Estimate:
    """Return the AUC on the test faces with its interval; NaN where nothing was evaluated."""
    return Estimate.from_columns(experiment.results, "auc")


def experiment_rows(experiments: list[Experiment]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows of the list of experiments: each row begins with the run's first digits."""
    rows: list[tuple[str, ...]] = []
    for run in experiments:
        control = run.result("best_control_auc")
        rows.append(
            (
                run.short,
                run.started[:16].replace("T", " "),
                run.label or "–",
                auc_of(run).text(undefined="–"),
                f"{run.results.get('best_control')} {control:.3f}" if math.isfinite(control) else "–",
                _outcome(run),
            )
        )
    return HEAD, rows


def _outcome(run: Experiment) -> str:
    """Write the verdict of a run that ended well, else its state."""
    if run.state != "completed":
        return run.state
    verdict, failed = value_text(run.results.get("verdict")), run.results.get("failed_checks")
    if failed in (None, "none"):
        return verdict
    count = str(failed).count(", ") + 1
    return f"{verdict}: {count} check{'s' * (count > 1)} failed"


def comparison_sentences(result: ExperimentComparison) -> list[str]:
    """Say whether the second run's model is better, and how the two answer the same rows."""
    first, second, scores = result.first.short, result.second.short, result.scores
    if scores is None:
        return [f"Not compared row by row: {result.reason}"]
    return scores.sentences(first, second)


def comparison_to_dict(result: ExperimentComparison) -> dict[str, Any]:
    """Return the comparison for JSON, None for NaN."""
    return {
        "first": result.first.uid,
        "second": result.second.uid,
        "parameters": to_records(result.parameters),
        "results": to_records(result.results),
        "scores": result.scores.to_dict() if result.scores else None,
        "reason": result.reason,
    }
