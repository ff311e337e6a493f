"""Summary of a workflow run: a table for people, ``artifacts/summary.json`` for programs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from aletheia.core.buckets.addresses import is_bucket_url
from aletheia.core.files import replacing
from aletheia.stats.estimate import Estimate
from aletheia.tracking.access import without_token

STEPS = (
    "extract-faces",
    "prepare-data",
    "search-hyperparameters",
    "search-overview",
    "train",
    "evaluate",
    "cross-test",
    "cross-overview",
    "register",
)


def summarise(
    runs: list[dict[str, Any]], *, state: str, seconds: float, root: Path, peak_mb: float | None = None
) -> dict[str, Any]:
    """Collect the results that the steps of one workflow logged.

    Parameters
    ----------
    runs : list of dict
        The workflow's runs, as the tracking service lists them.
    state : str
        ``"completed"`` or ``"error"``.
    seconds : float
        Wall-clock time of the workflow.
    root : path
        The project's folder; paths below it are given relative to it.
    peak_mb : float, optional
        Largest resident memory of the process, megabytes.

    Returns
    -------
    dict
        Values of steps that did not run are None.
    """
    by_name = {run["metadata"]["name"]: run for run in sorted(runs, key=_step)}
    results = {name: (run["status"].get("results") or {}) for name, run in by_name.items()}
    extract, prepare = results.get("extract-faces", {}), results.get("prepare-data", {})
    search = results.get("search-hyperparameters", {})
    evaluate, register = results.get("evaluate", {}), results.get("register", {})
    best = {
        name.removeprefix("best_"): value
        for name, value in search.items()
        if name.startswith("best_") and name != "best_iteration"  # which MLRun adds
    }
    errors = {name: run["status"].get("error") for name, run in by_name.items() if run["status"]["state"] == "error"}
    return {
        "state": state,
        "seconds": round(seconds, 1),
        "peak_memory_mb": peak_mb and round(peak_mb),
        "rows": {part: prepare.get(f"rows_{part}") for part in ("train", "val", "test")},
        "skipped": extract.get("skipped"),
        "skipped_because": extract.get("skipped_because"),
        "notes": [*(extract.get("notes") or ()), *(prepare.get("notes") or ())],
        "fake_share": {"before": prepare.get("fake_share_before"), "train": prepare.get("fake_share_train")},
        "shortcut_auc": evaluate.get("shortcut_auc", prepare.get("shortcut_auc")),
        "shortcut_auc_train": prepare.get("shortcut_auc_train"),
        "gives_away": prepare.get("gives_away"),
        "baseline_aucs": {
            name.removeprefix("baseline_").removesuffix("_auc"): value
            for name, value in evaluate.items()
            if name.startswith("baseline_") and name.endswith("_auc")
        },
        "best_params": best or None,
        "search_loss": search.get("loss"),
        "test_auc": evaluate.get("auc"),
        "test_auc_interval": _interval(evaluate, "auc"),
        "test_accuracy": evaluate.get("accuracy"),
        "test_balanced_accuracy": evaluate.get("balanced_accuracy"),
        "majority_share": evaluate.get("majority_share"),
        "model_uri": f"store://models/aletheia/detector:{register['tag']}" if register.get("tag") else None,
        "failed_checks": register.get("failed_checks"),
        "unjudged_checks": register.get("unjudged_checks"),
        "excepted_checks": register.get("excepted_checks"),
        "loosened_limits": register.get("loosened_limits"),
        "refusals": register.get("refusals"),
        "evaluation_number": evaluate.get("evaluation_number"),
        "report": _artifact_path(by_name.get("evaluate"), "report", root),
        "data_report": _artifact_path(by_name.get("prepare-data"), "data_report", root),
        "runs": {name: run["metadata"]["uid"] for name, run in by_name.items()},
        "step_seconds": {name: _seconds(run) for name, run in by_name.items()},
        "errors": errors or None,
    }


def write_summary(summary: dict[str, Any], folder: Path) -> Path:
    """Write ``summary.json`` into a folder, whole or not at all, and return its path."""
    path = folder / "summary.json"
    with replacing(path) as file:
        file.write((json.dumps(summary, indent=1) + "\n").encode())
    return path


def print_summary(summary: dict[str, Any], console: Console) -> None:
    """Print the table that ends every run."""
    table = Table(show_header=False, title="Results", title_justify="left", expand=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    rows, share = summary["rows"], summary["fake_share"]
    table.add_row("data", f"{rows['train']} training, {rows['val']} validation and {rows['test']} test faces")
    if summary["skipped"]:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in (summary["skipped_because"] or {}).items())
        table.add_row("left out", f"{summary['skipped']} of the files: {reasons}")
    for note in summary["notes"]:
        table.add_row("note", note)
    table.add_row(
        "share of fakes",
        f"{share['before']:.0%} as delivered, {share['train']:.0%} in training after balancing",
    )
    table.add_row(
        "shortcut AUC",
        f"{_number(summary['shortcut_auc'])} on test, from file properties alone "
        f"({_number(summary['shortcut_auc_train'])} within training); 0.5 gives nothing away",
    )
    table.add_row("audit of the crops", f"the label is given away by: {summary['gives_away']}")
    best = summary["best_params"] or {}
    table.add_row("best parameters", ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in best.items()))
    low, high = summary["test_auc_interval"]
    estimate = Estimate.from_dict({"value": summary["test_auc"], "low": low, "high": high})
    interval = estimate.interval(undefined="not computed")
    table.add_row("test AUC", f"{_number(summary['test_auc'])} (95 % interval {interval})")
    table.add_row("AUC without faces", f"{_highest(summary['baseline_aucs'])}; on the same test faces")
    table.add_row(
        "test accuracy",
        f"{_number(summary['test_accuracy'])}; always saying the larger class: {_number(summary['majority_share'])}",
    )
    table.add_row("balanced accuracy", f"{_number(summary['test_balanced_accuracy'])}; 0.5 is a coin toss")
    if summary["evaluation_number"]:
        table.add_row("test set", f"evaluation no. {summary['evaluation_number']:.0f} on these faces")
    for key, title in (("excepted_checks", "by exception"), ("loosened_limits", "loosened limits")):
        if summary[key] not in (None, "none"):
            table.add_row(title, summary[key])
    if summary["failed_checks"] not in (None, "none") and not summary["refusals"]:  # of which each names its check
        table.add_row("not in production", f"failed: {summary['failed_checks']}")
    for sentence in summary["refusals"] or ():
        table.add_row("not in production", sentence)
    memory = f", at most {summary['peak_memory_mb']} MB resident" if summary["peak_memory_mb"] else ""
    table.add_row("took", f"{summary['seconds']:.0f} s{memory}")
    console.print(table)
    # Below the table and never wrapped: these are to be copied.
    model = "" if str(summary["model_uri"]).endswith(":production") else " --model candidate"
    for title, value in (
        ("Model", summary["model_uri"]),
        ("Report", summary["report"]),
        ("Data report", summary["data_report"]),
        ("See the runs", "make ui, aletheia runs list"),
        ("For mlrun", f"export MLRUN_DBPATH={without_token(os.environ.get('MLRUN_DBPATH', ''))}"),
        ("Ask the model", f".venv/bin/aletheia predict{model} picture.jpg"),
    ):
        console.print(f"{title + ':':15}{value}", highlight=False, soft_wrap=True)


def _step(run: dict[str, Any]) -> int:
    name = run["metadata"]["name"]
    return STEPS.index(name) if name in STEPS else len(STEPS)


def _highest(aucs: dict[str, float | None], count: int = 4) -> str:
    """Write the highest of the baselines' AUCs, the highest first, and how many more there are."""
    known = [(name.replace("_", " "), auc) for name, auc in aucs.items() if auc is not None]
    ordered = sorted(known, key=lambda item: -item[1])
    more = f" and {len(ordered) - count} more below" if len(ordered) > count else ""
    return (", ".join(f"{name} {auc:.3f}" for name, auc in ordered[:count]) + more) or "not computed"


def _number(value: float | None) -> str:
    return "not computed" if value is None else f"{value:.3f}"


def _interval(results: dict[str, Any], name: str) -> list[float | None]:
    return [results.get(f"{name}_low"), results.get(f"{name}_high")]


def _artifact_path(run: dict[str, Any] | None, key: str, root: Path) -> str | None:
    import mlrun

    from aletheia.project.notebook_run import local_path

    uri = ((run or {}).get("status", {}).get("artifact_uris") or {}).get(key)
    if uri is None:
        return None
    url = str(mlrun.get_dataitem(uri).url)
    if is_bucket_url(url):
        return url
    path = Path(local_path(url))
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _seconds(run: dict[str, Any]) -> float | None:
    from datetime import datetime

    status = run["status"]
    start, end = status.get("start_time"), status.get("last_update")
    if not start or not end:
        return None
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 1)
