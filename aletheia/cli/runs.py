"""``aletheia runs …``: what runs have left on the disk."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The runs of the project: free the disk of old ones.")


@app.callback()
def _group() -> None:
    """Keep `prune` a command of its own: typer would put a single one in the group's place."""


@app.command()
def prune(
    keep: Annotated[int, typer.Option(help="Newest runs of the workflow (or of a notebook) that keep their files.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")] = False,
) -> None:
    """Delete the files of old runs in artifacts/; parameters and results stay in the tracking service.

    Never the files of a model in production or of the candidate, of their evaluation and data, nor of a run that has
    not ended.
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
    verb = "would be deleted" if dry_run else "deleted"
    typer.echo(
        f"{len(plan.folders)} folders of {plan.deleted} runs {verb}: {plan.bytes / 1e6:.1f} MB. Kept: the newest"
        f" {plan.newest}, and {plan.needed} more that a model in use or a kept run needs."
    )
    for folder in plan.folders if dry_run else ():
        typer.echo(f"  {folder.relative_to(root)}")
