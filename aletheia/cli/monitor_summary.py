"""What ``aletheia monitor`` shows by itself: traffic, changes and labelled accuracy, as text, JSON and a page."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.lifecycle.feedback.place import store_path
from aletheia.lifecycle.feedback.reading import read_labels
from aletheia.lifecycle.feedback.store import FeedbackStore
from aletheia.lifecycle.monitoring.dependence import find_dependence
from aletheia.lifecycle.monitoring.drift_watch import DriftWatch
from aletheia.lifecycle.monitoring.findings import monitor_findings
from aletheia.lifecycle.monitoring.labelled import label_findings, summarise_labels
from aletheia.lifecycle.monitoring.traffic import hourly, summarise_traffic
from aletheia.lifecycle.prediction_log.place import default_log
from aletheia.lifecycle.prediction_log.reading import read_log
from aletheia.stats.change_detection import REFERENCE


def summarise(
    log: Path | None,
    since: float,
    interval: str,
    *,
    spacing: float,
    by_hour: bool,
    report: Path | None = None,
    as_json: bool = False,
) -> bool:
    """Print what a log holds; returns whether anything changed.

    Parameters
    ----------
    log : path, optional
        The prediction log; default: that of `aletheia serve`.
    since : float
        Seconds since 1970.
    interval : str
        Of the page's plots, as pandas writes it.
    spacing : float
        Seconds between two answers that are compared, at least.
    by_hour : bool
        Whether answers are compared with those of the same hour of the day alone.
    report : path, optional
        Where a page is written.
    as_json : bool
        One JSON object in place of text.

    Raises
    ------
    InputError
        When the log cannot be read, or a page is asked for where nothing can draw it.
    """
    log = log or default_log()
    rows = read_log(log, since)
    versions = summarise_traffic(rows)
    drift_watch = DriftWatch(log, spacing=spacing, by_hour=by_hour)
    drift_watch.look(time.time())
    drift_watch.save()
    drifts, compared = drift_watch.since(since), drift_watch.compared
    dependence = find_dependence(rows, spacing=spacing, by_hour=by_hour)
    orders = [(found.sentence, "") for found in dependence]
    evaluations = FeedbackStore(store_path(log.parent)).evaluations()
    labelled = summarise_labels(rows, read_labels(log.parent), evaluations)
    if report:
        page = _renderer()(
            versions,
            hourly(rows, interval),
            drifts,
            compared,
            reference=REFERENCE,
            labelled=labelled,
            further=orders,
        )
        with atomic_write(report) as file:
            file.write(page.encode())
    if as_json:
        result = {
            "versions": versions,
            "compared": compared,
            "drift": [drift.to_dict() for drift in drifts],
            "order": [{**dataclasses.asdict(found), "sentence": found.sentence} for found in dependence],
            "labelled": labelled,
        }
        print(json.dumps(result, indent=2))
    else:
        _print(versions, [*monitor_findings(versions, drifts, compared, REFERENCE), *orders, *label_findings(labelled)])
        _print_estimates(versions)
    if report and not as_json:
        typer.echo(f"The page: {report}")
    return bool(drifts)


def _renderer() -> Callable[..., str]:
    """Import what draws the page, which the image of the service cannot."""
    try:
        from aletheia.lifecycle.monitoring.report import render_monitor_report
    except ModuleNotFoundError as error:
        raise InputError(
            f"--report draws with {error.name}, which is not installed here (the image of the service leaves it out): "
            "run it where the whole package is, on a copy of the log."
        ) from None
    return render_monitor_report


def _print(versions: list[dict[str, Any]], found: list[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    from aletheia.lifecycle.monitoring.traffic import version_name

    if versions:
        table = Table(Column("version", no_wrap=True), "answers", "ms p50 / p95", "verdicts", "errors")
        for version in versions:
            times = " / ".join("–" if ms is None else f"{ms:.0f}" for ms in list(version["latency_ms"].values())[:2])
            verdicts = ", ".join(f"{name} {count:,}" for name, count in version["verdicts"].items() if count)
            errors = f"{sum(version['errors'].values()):,}"
            table.add_row(escape(version_name(version)), f"{version['answers']:,}", times, verdicts, errors)
        Console().print(table)
    for sentence, _ in found:
        typer.echo(sentence)


def _print_estimates(versions: list[dict[str, Any]]) -> None:
    from aletheia.lifecycle.monitoring.estimated_accuracy import WARNING
    from aletheia.lifecycle.monitoring.traffic import version_name

    shown = [version for version in versions if version["estimated_accuracy"]]
    for version in shown:
        right, turned = version["estimated_accuracy"], version["turning_rate"]
        typer.echo(
            f"Version {version_name(version)}, by its own account: {right['value']:.1%} of its verdicts are right; "
            f"{turned['value']:.1%} of the answers turned when the picture was saved again."
        )
    if shown:
        typer.echo(WARNING)
