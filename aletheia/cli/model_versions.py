"""``aletheia models list``, ``show``, ``history``, ``promote``, ``rollback`` and so on: registered models."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aletheia.core.wording import counted

if TYPE_CHECKING:
    from aletheia.lifecycle.model_versions.catalog import Catalog
    from aletheia.lifecycle.model_versions.history import Change

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Model = Annotated[
    str, typer.Argument(help="A version (v1.2.0), a tag (candidate), or first digits of an artifact's uid.")
]
Reason = Annotated[str, typer.Option(help="Why; the history shows it.")]
_SHOWN = {"production": "in production", "former": "was in production"}


def list_versions(as_json: AsJson = False) -> None:
    """List the registered models, the newest first: version, state, architecture, AUC, and the gate's verdict.

    States: registered (never in production), in production, was in production, retired. Networks that can be trained
    are listed by `aletheia models architectures`.
    """
    models = _catalog().models
    if as_json:
        _print_json([model.to_dict() for model in models])
        return
    if not models:
        typer.echo("No model is registered yet: aletheia run trains and registers one.")
        return
    rows = []
    for model in models:
        auc = model.metrics.get("test_auc")
        state = _SHOWN.get(model.state, model.state) + ("" if model.has_files else ", files gone")
        passed = {"production": "passed", "candidate": "refused"}.get(model.labels.get("verdict", ""), "unknown")
        shown = "" if auc is None else f"{auc:.3f}"
        rows.append((model.name, state, model.architecture, shown, passed, model.created[:16].replace("T", " ")))
    _print_table(("version", "state", "architecture", "test AUC", "gate", "registered"), rows)


def show(model: Model, as_json: AsJson = False) -> None:
    """Show a registered model: state, tags, labels, files, what it did in production, and how it can be named.

    Works when its files are damaged or gone. `aletheia models inspect` looks into the files themselves.
    """
    from aletheia.lifecycle.model_versions.history import list_changes

    catalog = _catalog()
    found = catalog.find(model)
    changes = [change for change in list_changes(catalog) if change.uid == found.uid]
    if as_json:
        _print_json({**found.to_dict(), "changes": [change.to_dict() for change in changes]})
        return
    rows = [
        ("version", found.version or "none"),
        ("state", _SHOWN.get(found.state, found.state)),
        ("registered", found.created),
        ("architecture", found.architecture),
        ("artifact", found.uid),
        ("tags", ", ".join(found.tags)),
        *((f"label {name}", value) for name, value in found.labels.items()),
        *((f"metric {name}", str(value)) for name, value in found.metrics.items()),
    ]
    _print_table(("model", found.name), rows)
    typer.echo(f"Files: {found.target}{'' if found.has_files else ' (gone)'}")  # in one line, to be copied
    if changes:
        _print_changes(changes)


def history(as_json: AsJson = False) -> None:
    """List what was in production, the first one first: since when, from what, by whom, why, and by which exceptions.

    A change by any other program that sets the tag `production` is listed as "tagged".
    """
    from aletheia.lifecycle.model_versions.history import list_changes

    changes = list_changes(_catalog())
    if as_json:
        _print_json([change.to_dict() for change in changes])
    elif not changes:
        typer.echo(
            "No model was ever in production: aletheia run registers one, aletheia models promote puts one there."
        )
    else:
        _print_changes(changes)


def promote(
    model: Model,
    reason: Reason = "",
    accept_unjudged: Annotated[
        list[str], typer.Option(help="Check of the gate (code or name) that may stay unjudged; the history shows it.")
    ] = [],  # noqa: B006 -- typer copies it
    waive: Annotated[list[str], typer.Option(help="staging: promote without a passed staging; needs --reason.")] = [],  # noqa: B006 -- typer copies it
    as_json: AsJson = False,
) -> None:
    """Put a registered model into production. A running `aletheia serve` takes it up by itself, without a lost request.

    Needs the gate's verdict that was stored when the model was registered, in which every check passed, or was accepted
    or waived by name then. A check that failed cannot be accepted here. All files of the model are compared with their
    hashes first, and these very files must have passed the staging: `aletheia deploy V --env staging`.
    Exit code 2 and one sentence when it may not.
    """
    _change("promote", model, reason, as_json, accept_unjudged, waive)


def rollback(
    to: Annotated[str, typer.Option("--to", help="Version to go back to; by default the one before.")] = "",
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Go back to the version that was in production before; a running `aletheia serve` follows within two seconds.

    Looks at no file of the version that is left, so it works when that is damaged or deleted. Versions before whose own
    files are damaged, and retired ones, are passed over. A second rollback goes further back, not forth again.
    """
    _change("rollback", to, reason, as_json)


def retire(model: Model, reason: Reason = "", as_json: AsJson = False) -> None:
    """Retire a registered model: it can be promoted no more, and `aletheia models prune` may delete its files.

    Not the one in production. The files of a model that production ever answered from stay in any case.
    """
    _change("retire", model, reason, as_json)


def compare(
    first: Model,
    second: Model,
    on: Annotated[
        str, typer.Option(help="A folder or manifest on which both are scored; by default the test set of both.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show what differs between two registered models: recipe, data, threshold, and the answers to the same rows.

    The difference of their AUCs has an interval for the same rows, so that it can be told from chance; beside it, how
    many answers differ, which of them only one model gives rightly, and the gaps between groups of people by each.
    Without --on the scores of the evaluations that were stored count, on the rows that are in both test sets.
    """
    from aletheia.lifecycle.model_versions.comparison import (
        compare_versions,
        comparison_sentences,
        scores_on,
        stored_scores,
    )
    from aletheia.release.registry import PROJECT
    from aletheia.tracking import ensure_tracking
    from aletheia.tracking.reader import Reader

    catalog = _catalog()
    models = catalog.find(first), catalog.find(second)
    if on:
        from aletheia.datasets.pipeline import load_dataset
        from aletheia.project.run_config import RunConfig

        config = RunConfig.parse({"source": on})
        config.check_sources()
        data = load_dataset(config.source, **config.source_options())
        result = compare_versions(*models, lambda model: scores_on(model, data=data))
    else:
        with Reader(ensure_tracking()) as reader:
            result = compare_versions(*models, lambda model: stored_scores(model, reader=reader, project=PROJECT))
    if as_json:
        _print_json(result.to_dict())
        return
    if len(result.recipe):
        rows = [(str(name), str(one), str(two)) for name, one, two in result.recipe.itertuples(index=False)]
        _print_table(("differs", result.first, result.second), rows)
    else:
        typer.echo("No part of the recipe differs.")
    for sentence in comparison_sentences(result):
        typer.echo(sentence)


def prune(
    keep: Annotated[int, typer.Option(help="Newest models that were never in production and keep their files.")] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete the files of retired models, and of old ones that were never in production; their records stay.

    Never the files of a model that production ever answered from, retired or not, nor of the candidate. Nothing is
    deleted in a bucket: of models that lie there it is said where, to be deleted by the bucket's own tools.
    `aletheia runs prune` frees the disk of what models were made from.
    """
    from aletheia.lifecycle.model_versions.catalog import load_catalog
    from aletheia.lifecycle.model_versions.deletion import delete_files, plan_deletion
    from aletheia.lifecycle.model_versions.lock import models_lock
    from aletheia.release.registry import PROJECT
    from aletheia.tracking import ensure_tracking
    from aletheia.tracking.reader import Reader

    # A model may be promoted at this moment. The service starts before: nobody shall wait for that.
    with Reader(ensure_tracking(progress=True)) as reader, models_lock():
        plan = plan_deletion(load_catalog(reader, PROJECT), keep)
        if not dry_run:
            delete_files(plan)
    if as_json:
        files = {name: [str(path) for path in sizes] for name, sizes in plan.files.items()}
        values = {"files": files, "kept": plan.kept, "bytes": plan.bytes, "in_buckets": plan.in_buckets}
        _print_json({**values, "dry_run": dry_run})
        return
    verb = "would be deleted" if dry_run else "deleted"
    names = f" ({', '.join(plan.files)})" if plan.files else ""
    typer.echo(
        f"Files of {counted(len(plan.files), 'model')}{names} {verb}: {plan.bytes / 1e6:.1f} MB. "
        f"{counted(plan.kept, 'model')} kept."
    )
    for name, target in plan.in_buckets.items():
        typer.echo(f"Not deleted, since it lies in a bucket: {name}. To delete it: aws s3 rm --recursive {target}")


def add_to(app: typer.Typer) -> None:
    """Add these commands to ``aletheia models``."""
    app.command("list")(list_versions)
    for command in (show, history, promote, rollback, retire, compare, prune):
        app.command()(command)


def _change(
    action: str,
    word: str,
    reason: str,
    as_json: bool,
    accept_unjudged: Sequence[str] = (),
    waive: Sequence[str] = (),
) -> None:
    from aletheia.lifecycle.model_versions.production import change
    from aletheia.release.registry import PROJECT

    decision = change(action, word, reason=reason, accept_unjudged=accept_unjudged, waive=waive, project=PROJECT)
    if as_json:
        _print_json(decision.results())
    elif action == "retire":
        typer.echo(f"{decision.model.name} is retired.")
    else:
        before = f" in place of {decision.before}" if decision.before else ""
        typer.echo(f"{decision.model.name} is in production{before}.")
        if decision.exceptions:
            typer.echo(f"By exception: {', '.join(decision.exceptions)}.")


def _catalog() -> Catalog:
    from aletheia.lifecycle.model_versions.alias_mirror import align_aliases
    from aletheia.lifecycle.model_versions.catalog import load_catalog
    from aletheia.release.registry import PROJECT
    from aletheia.tracking import ensure_tracking
    from aletheia.tracking.reader import Reader

    with Reader(ensure_tracking(progress=True)) as reader:
        catalog = load_catalog(reader, PROJECT)
    align_aliases(catalog, PROJECT)  # a change may have been killed before it came to that
    return catalog


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))


def _print_changes(changes: Iterable[Change]) -> None:
    rows = [
        (
            change.moment[:19].replace("T", " "),
            change.action,
            change.before or "–",
            change.to,
            change.who or "unknown",
            "; ".join(filter(None, (change.reason, change.exceptions))),
            change.evaluation[:8],
        )
        for change in changes
    ]
    _print_table(("when (UTC)", "action", "from", "to", "who", "reason, exceptions", "evaluation"), rows)


def _print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    # A long value is broken, never cut off.
    table = Table(*(Column(name, overflow="fold") for name in head))
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)
