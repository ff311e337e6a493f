"""Experiments in words: rows of a table, the sentences of a comparison, and values for JSON."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from aletheia.core.jsonable import to_jsonable, to_records
from aletheia.core.wording import counted
from aletheia.evaluation.score_comparison import ScoreComparison
from aletheia.project.experiments import Experiment, ExperimentComparison
from aletheia.stats.estimate import Estimate

HEAD = ("started", "experiment", "test AUC", "best control", "verdict")


def value_text(value: Any) -> str:
    """Write a parameter or result for people."""
    if value is None or value in ("", []):
        return "–"
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
    sentences = [
        f"On the {scores.n:,} test rows of both: AUC {scores.first_auc:.3f} of {first}, {scores.second_auc:.3f} of "
        f"{second}; difference {scores.difference:+.3f}: {_judge(scores, first, second)}.",
        *_answers(scores, first, second),
    ]
    if scores.only_first or scores.only_second:
        sentences.append(
            f"In {first} alone: {counted(scores.only_first, 'row')}; in {second} alone: {scores.only_second:,}."
        )
    return sentences


def _answers(scores: ScoreComparison, first: str, second: str) -> list[str]:
    """Say how many rows each model answers, and how many one alone gets right: so, and at the thresholds."""
    sentences = [
        f"{first} answers {scores.first_answered:.1%} of them, {second} {scores.second_answered:.1%}; rightly "
        f"answered by {first} alone: {scores.first_only_right:,}; by {second} alone: {scores.second_only_right:,}."
        if scores.first_answered or scores.second_answered
        else f"Neither answers any of them: all are “cannot tell” to {first} and to {second}."
    ]
    alone = (scores.first_only_right_at_threshold, scores.second_only_right_at_threshold)
    if None in alone:
        return [*sentences, "Answers at the thresholds are not known: an evaluation is of an earlier version."]
    at_threshold = f"right by {first} alone: {alone[0]:,}; by {second} alone: {alone[1]:,}"
    return [*sentences, f"If both answered every row by their thresholds, {at_threshold}."]


def comparison_to_dict(result: ExperimentComparison) -> dict[str, Any]:
    """Return the comparison for JSON, None for NaN."""
    scores = result.scores
    values = None
    if scores is not None:
        values = {name: to_jsonable(value) for name, value in dataclasses.asdict(scores).items()}
        values["difference"] = scores.difference.to_dict()
    return {
        "first": result.first.uid,
        "second": result.second.uid,
        "parameters": to_records(result.parameters),
        "results": to_records(result.results),
        "scores": values,
        "reason": result.reason,
    }


def _judge(scores: ScoreComparison, first: str, second: str) -> str:
    difference = scores.difference
    if not difference.has_interval:
        return "too few groups of rows to say which is better"
    if difference.low > 0:
        return f"{second} is better"
    if difference.high < 0:
        return f"{first} is better"
    return "neither is shown to be better"
