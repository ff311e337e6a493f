"""``aletheia runs …``: runs of the workflow side by side, and what they have left on the disk."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aletheia.core.wording import counted

if TYPE_CHECKING:
    from aletheia.project.experiments import Experiment

app = typer.Typer(no_args_is_help=True, help="The runs of the workflow: list, compare, free the disk of old ones.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Run = Annotated[str, typer.Argument(help="First digits of a run, as `aletheia runs list` shows, or an experiment.")]


@app.command("list")
def list_runs(
    last: Annotated[int, typer.Option(help="Newest runs to list.", min=1)] = 20,
    experiment: Annotated[str, typer.Option(help="Only runs of this experiment (aletheia run --experiment).")] = "",
    as_json: AsJson = False,
) -> None:
    """List the runs of the workflow, the newest first, with their headline numbers."""
    from aletheia.project.experiment_text import experiment_rows

    found = [run for run in _experiments() if not experiment or run.label == experiment][:last]
    if as_json:
        _print_json([dataclasses.asdict(run) for run in found])
        return
    if not found:
        typer.echo("No run of the workflow is recorded yet: aletheia run makes one.")
        return
    _print_table("run", *experiment_rows(found))


@app.command()
def show(
    run: Run,
    others: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    as_json: AsJson = False,
) -> None:
    """Show all parameters and headline numbers of a run, and the runs of its steps."""
    from aletheia.core.errors import InputError
    from aletheia.project.experiment_text import value_text
    from aletheia.project.experiments import find_experiment

    if others:
        raise InputError(f"One run at a time is shown; side by side: aletheia runs compare {run} {others[0]}")
    found = find_experiment(_experiments(), run)
    if as_json:
        _print_json(dataclasses.asdict(found))
        return
    typer.echo(f"{found.uid}: {found.state}, started {found.started[:19].replace('T', ' ')}")
    if found.error:
        typer.echo(f"error: {found.error}")
    for title, values in (("parameter", found.parameters), ("result", found.results), ("step", found.steps)):
        _print_table(title, ("value",), [(name, value_text(value)) for name, value in values.items()])


@app.command()
def compare(
    first: Run,
    second: Run,
    page: Annotated[Path | None, typer.Option(help="Also write the comparison as a page with plots.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two runs: parameters, numbers, and verdicts on the test rows that both hold.

    The difference of two AUCs has an interval for the same rows, so that it can be told from chance; two intervals that
    overlap say nothing about it.
    """
    from aletheia.core.files import replacing
    from aletheia.project.experiment_text import comparison_sentences, comparison_to_dict, value_text
    from aletheia.project.experiments import compare_experiments, find_experiment

    known = _experiments()
    result = compare_experiments(find_experiment(known, first), find_experiment(known, second))
    if page is not None:
        from aletheia.project.experiment_page import render_comparison

        with replacing(page) as file:
            file.write(render_comparison(result, known).encode())
    if as_json:
        _print_json(comparison_to_dict(result))
        return
    names = (result.first.short, result.second.short)
    for title, rows in (("parameter", result.parameters), ("result", result.results)):
        if len(rows):
            texts = [(name, value_text(one), value_text(two)) for name, one, two in rows.itertuples(index=False)]
            _print_table(title, names, texts)
        else:
            typer.echo(f"No {title} differs.")
    for sentence in comparison_sentences(result):
        typer.echo(sentence)
    if page is not None:
        typer.echo(f"Page: {page}")


@app.command()
def prune(
    keep: Annotated[int, typer.Option(help="Newest runs of the workflow (or of a notebook) that keep their files.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete the files of old runs in artifacts/; parameters and results stay in the tracking service.

    Never the files of a model that is or was in production or of the candidate, of their evaluation and data, nor of a
    run that has not ended. Nothing is deleted in a bucket: of the same runs' folders there it is said how to do so.
    """
    from aletheia.core.paths import project_root
    from aletheia.project.prune import plan_prune
    from aletheia.project.prune import prune as delete
    from aletheia.project.workspace import PROJECT_NAME
    from aletheia.tracking import ensure_tracking

    root = project_root()
    plan = plan_prune(root, keep, url=ensure_tracking(progress=True), project=PROJECT_NAME)
    if not dry_run:
        delete(plan)
    if as_json:
        folders = {str(folder): size for folder, size in plan.folders.items()}
        _print_json({**dataclasses.asdict(plan), "folders": folders, "bytes": plan.bytes, "dry_run": dry_run})
        return
    verb = "would be deleted" if dry_run else "deleted"
    typer.echo(
        f"{counted(len(plan.folders), 'folder')} of {counted(plan.deleted, 'run')} {verb}: "
        f"{plan.bytes / 1e6:.1f} MB. "
        f"Kept: the newest {plan.newest}, and {plan.needed} more that a model in use or a kept run needs."
    )
    for folder in plan.folders if dry_run else ():
        typer.echo(f"  {folder.relative_to(root)}")
    if plan.in_buckets:
        folders_there = counted(len(plan.in_buckets), "folder")
        typer.echo(f"Not deleted, since others may use what lies in a bucket: {folders_there}. To delete them:")
    for address in plan.in_buckets:
        typer.echo(f"aws s3 rm --recursive {shlex.quote(address)}")


def _experiments() -> list[Experiment]:
    from aletheia.core.paths import project_root
    from aletheia.project.experiments import list_experiments

    project_root()
    return list_experiments()


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))


def _print_table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows whose first cell is their name."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title, *head)
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)
