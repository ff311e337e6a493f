"""``aletheia deploy``: a version is tested in staging, and put into production."""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from aletheia.lifecycle.staging.report import DeploymentReport


class Environment(enum.StrEnum):
    """Where to."""

    STAGING = "staging"
    PRODUCTION = "production"


def deploy(
    version: Annotated[
        str, typer.Argument(help="A version (v1.2.0), a tag (candidate), or first digits of an artifact's uid.")
    ],
    env: Annotated[Environment, typer.Option(help="staging: test it; production: put it there if it passed.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the staging service; 0 takes a free one.")] = 0,
    p95_ms: Annotated[
        float, typer.Option(help="Budget of time: 95 of 100 answers within so many milliseconds.")
    ] = 1000.0,
    memory_mb: Annotated[float, typer.Option(help="Budget of memory: MB of all processes of the service.")] = 2500.0,
    requests: Annotated[int, typer.Option(help="Answers that are measured.", min=20, max=10_000)] = 60,
    accept_unjudged: Annotated[
        list[str],
        typer.Option(help="Test of the staging or check of the gate (its code) that may stay unjudged."),
    ] = [],  # noqa: B006 -- typer copies it
    reason: Annotated[str, typer.Option(help="Why it goes into production; the history shows it.")] = "",
    url: Annotated[
        str,
        typer.Option(
            help="With production: address of the running `aletheia serve`, which is waited for until it answers with "
            "the version; its key is taken from ALETHEIA_API_KEY.",
            show_default=False,
        ),
    ] = "",
    start_timeout: Annotated[
        float, typer.Option(min=1, help="Seconds that the staging service may take to start.")
    ] = 120.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Test a registered version in staging, or put it into production after that.

    staging: the real service is started with the version on a port of its own, tested over HTTP, and ended: it serves
    this version; golden pictures are answered as at the registration; it speaks the Open Inference Protocol V2; bad
    files are refused; time and memory are within budget; test faces are scored as in the evaluation. The report is a
    page, kept with an MLRun run `deploy`.

    production: the same first, unless these very files have passed already; then `aletheia models promote`, by the
    gate's rules. Exit code 1 when a test failed or could not be judged, 2 when the service did not start or the
    promotion is refused. Nothing of the staging service stays behind, whatever ends this command.
    """
    from aletheia.core.errors import InputError
    from aletheia.lifecycle.staging.budget_checks import Budgets
    from aletheia.lifecycle.staging.deployment import deploy as deploy_version
    from aletheia.release.registry import PROJECT

    if url and env is Environment.STAGING:
        raise InputError("--url names the service in production, which a staging leaves alone; use --env production.")
    report = deploy_version(
        version,
        env.value,
        project=PROJECT,
        budgets=Budgets(p95_ms, memory_mb, requests),
        accept_unjudged=accept_unjudged,
        reason=reason,
        port=port,
        start_timeout=start_timeout,
        url=url,
    )
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        _print(report)
    if not report.passed:
        raise typer.Exit(1)


def _print(report: DeploymentReport) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("test", "state", "detail")
    for check in report.checks:
        table.add_row(escape(check.code), escape(check.verdict), escape(check.detail))
    Console().print(table)
    typer.echo(f"Staging of {report.version}: {report.verdict}.")
    unjudged = [check.code for check in report.checks if not check.judged and not check.allows]
    if unjudged and report.verdict == "not judged":
        options = " ".join(f"--accept-unjudged {code}" for code in unjudged)
        typer.echo(f"What could not be judged may be accepted by name: {options}")
    if report.page:
        typer.echo(f"The page: {report.page}")
    if report.promoted:
        after = "" if report.answering_s is None else f"; the service answers with it after {report.answering_s:.2f} s"
        typer.echo(f"{report.version} is in production{after}.")
