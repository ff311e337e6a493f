"""``aletheia monitor``: what a service answered, and whether that changes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

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
    by_hour: Annotated[
        bool,
        typer.Option(
            "--by-hour",
            help="Compare answers with those of the same hour of the day alone: where days and nights differ much.",
        ),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when something changed.")] = False,
    alerts: Annotated[
        Path | None,
        typer.Option(
            help="YAML file of rules, webhooks and mail: look at the rules once, and exit with 1 when one "
            "fires. Of the options for changes --spacing and --by-hour are used, too.",
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
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port on which --watch shows its numbers to Prometheus, at 127.0.0.1.",
            show_default=False,
        ),
    ] = None,
    prometheus_rules: Annotated[
        Path | None,
        typer.Option(help="Write the rules of --alerts as rules of Prometheus, with tests beside.", show_default=False),
    ] = None,
    alertmanager: Annotated[
        Path | None,
        typer.Option(
            help="Write the webhooks and mail of --alerts as a configuration of Alertmanager.", show_default=False
        ),
    ] = None,
    job: Annotated[str, typer.Option(help="Name under which Prometheus scrapes the service.")] = "aletheia",
    applications: Annotated[
        bool,
        typer.Option(
            "--applications", help="Judge --last against --reference by applications of MLRun, as runs of the project."
        ),
    ] = False,
    reference: Annotated[str, typer.Option(help="Span before --last that --applications compare with.")] = "30d",
    dashboard: Annotated[
        bool,
        typer.Option(
            "--dashboard",
            help="Serve a page that shows it all, live, until it is stopped. Of the other options --log, --alerts, "
            "--port, --host and --name are used then.",
        ),
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the dashboard; 0 takes a free one.")] = 8050,
    host: Annotated[
        str, typer.Option(help="Address of the dashboard; another one than of this machine needs ALETHEIA_API_KEY.")
    ] = "127.0.0.1",
    name: Annotated[
        list[str],
        typer.Option(
            help="A host name of the dashboard, as behind a proxy; may be given several times.", show_default=False
        ),
    ] = [],  # noqa: B006 -- typer copies it
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Say what a service answered: traffic, times, errors and verdicts by version, and whether any of it changes.

    Each version is compared with its own first 100 answers: the pictures, what the network sees in the faces, and the
    answers. However often and however long one looks, there is at most one false alarm a month on average. Accuracy is
    shown where labels were accepted (`aletheia feedback`): without known truth it cannot be seen.
    """  # fmt: skip
    if dashboard:
        if any((watch, silence, report, as_json, strict, prometheus_rules, alertmanager, applications)):
            raise InputError("--dashboard goes on by itself: watch, silence and report by another `aletheia monitor`.")
        from aletheia.cli.dashboard import serve_dashboard

        return serve_dashboard(log, alerts, host, port, name)
    if prometheus_rules or alertmanager:
        from aletheia.cli.alert_export import export_rules

        return export_rules(alerts, prometheus_rules, alertmanager, job)
    if alerts or watch or silence:
        if report:
            raise InputError("--report is written by another `aletheia monitor`, without --alerts, --watch, --silence.")
        from aletheia.cli.alert_watch import look_at_rules
        from aletheia.lifecycle.monitoring.drift_watch import DriftWatch
        from aletheia.lifecycle.prediction_log.place import default_log

        every_seconds, path = _seconds(look, "--look"), log or default_log()
        search = DriftWatch(path, spacing=spacing, by_hour=by_hour)
        if look_at_rules(
            path,
            alerts,
            watch=watch,
            every=every_seconds,
            silences=silence,
            drifts=search,
            metrics_port=metrics_port,
            as_json=as_json,
        ):
            raise typer.Exit(1)
        return None
    if applications:
        from aletheia.cli.monitor_applications import judge_by_applications

        spans = _seconds(last, "--last"), _seconds(reference, "--reference")
        if judge_by_applications(log, *spans, spacing=spacing, as_json=as_json) and strict:
            raise typer.Exit(1)
        return None
    from aletheia.cli.monitor_summary import summarise

    since = 0.0 if last == "all" else time.time() - _seconds(last, "--last")
    interval = f"{int(_seconds(every, '--every'))}s"
    changed = summarise(log, since, interval, spacing=spacing, by_hour=by_hour, report=report, as_json=as_json)
    if strict and changed:
        raise typer.Exit(1)
    return None


def _seconds(span: str, option: str) -> float:
    from aletheia.core.spans import parse_span

    try:
        return parse_span(span)
    except ValueError as error:
        raise InputError(f"{option}: {error}.") from None
