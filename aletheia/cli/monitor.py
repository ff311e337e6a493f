"""``aletheia monitor``: what a service answered, and whether that changes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from aletheia.core.errors import InputError


def monitor(
    log: Annotated[
        Path | None,
        typer.Option(help="The prediction log of `aletheia serve`. Default: predictions.sqlite in ALETHEIA_HOME."),
    ] = None,
    last: Annotated[
        str, typer.Option(help="How far to look back, as in 90m, 24h or 30d; all: everything in the log.")
    ] = "30d",
    report: Annotated[Path | None, typer.Option(help="Where to write a page with plots.", show_default=False)] = None,
    every: Annotated[str, typer.Option(help="Length of an interval in the plots, as in 10m, 1h or 1d.")] = "1h",
    spacing: Annotated[
        float,
        typer.Option(
            min=0.01,
            help="Seconds between two answers that are compared, at least: those of one caller, in "
            "a row, resemble each other.",
        ),
    ] = 10.0,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when something changed.")] = False,
    alerts: Annotated[
        Path | None,
        typer.Option(
            help="YAML file of rules, webhooks and mail: look at the rules once, and exit with 1 when one "
            "fires. Other options but --log are not used then.",
            show_default=False,
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look at the rules again and again, until it is stopped.")
    ] = False,
    look: Annotated[str, typer.Option(help="Time between two looks of --watch, as in 30s.")] = "30s",
    silence: Annotated[
        list[str],
        typer.Option(
            help="Tell nobody about a rule for so long, as in slow=2h; may be given several times.", show_default=False
        ),
    ] = [],  # noqa: B006 -- typer copies it
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Say what a service answered: traffic, times, errors and verdicts by version, and whether any of it changes.

    Each version is compared with its own first 100 answers: the pictures, what the network sees in the faces, and the
    answers. However often and however long one looks, there is at most one false alarm a month on average. Accuracy is
    not among the numbers: without known truth it cannot be seen.
    """  # fmt: skip
    if alerts or watch or silence:
        from aletheia.cli.alert_watch import look_at_rules

        if look_at_rules(log, alerts, watch=watch, every=_seconds(look, "--look"), silences=silence):
            raise typer.Exit(1)
        return
    from aletheia.core.files import atomic_write
    from aletheia.lifecycle.monitoring.drift import find_drift
    from aletheia.lifecycle.monitoring.report import findings, render_monitor_report
    from aletheia.lifecycle.monitoring.traffic import hourly, summarise_traffic
    from aletheia.lifecycle.prediction_log.place import default_log
    from aletheia.lifecycle.prediction_log.reading import read_log
    from aletheia.stats.change_detection import REFERENCE

    rows = read_log(log or default_log(), 0.0 if last == "all" else time.time() - _seconds(last, "--last"))
    interval = f"{int(_seconds(every, '--every'))}s"
    versions = summarise_traffic(rows)
    drifts, compared = find_drift(rows, spacing=spacing)
    if report:
        page = render_monitor_report(versions, hourly(rows, interval), drifts, compared, reference=REFERENCE)
        with atomic_write(report) as file:
            file.write(page.encode())
    if as_json:
        result = {"versions": versions, "compared": compared, "drift": [drift.to_dict() for drift in drifts]}
        print(json.dumps(result, indent=2))
    else:
        _print(versions, findings(versions, drifts, compared, REFERENCE))
    if report and not as_json:
        typer.echo(f"The page: {report}")
    if strict and drifts:
        raise typer.Exit(1)


def _seconds(span: str, option: str) -> float:
    from aletheia.core.spans import parse_span

    try:
        return parse_span(span)
    except ValueError as error:
        raise InputError(f"{option}: {error}.") from None


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
