"""``aletheia run``: run the whole workflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from aletheia.cli.options import ArtifactPath, artifact_place, takes_options


@takes_options()
def run(
    options: dict[str, Any],
    config: Annotated[
        Path | None,
        typer.Option(help="YAML file with options; those of the command line win over it.", show_default=False),
    ] = None,
    artifact_path: ArtifactPath = "",
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print all options as YAML, as --config reads them, and run nothing.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the options, show the steps, and run nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON on standard output at the end.")
    ] = False,
) -> None:
    """Run the whole workflow: faces, data, search, training, evaluation, registration.

    Ends with a table and artifacts/summary.json (each run keeps its own in artifacts/runs). Paths are relative to the
    working directory, those of a YAML file to the file.
    """
    from aletheia.project.config_file import read_options, to_yaml
    from aletheia.project.run_config import RunConfig

    artifact_place(artifact_path)
    layers = [_project_options(), read_options(config) if config else {}, options]
    effective = RunConfig.parse(*layers).check()
    if print_config:
        typer.echo(to_yaml(effective), nl=False)
        return
    if dry_run:
        from aletheia.project.plan import plan_steps

        steps = plan_steps(effective)
        texts = [f"{step + ':':24}{text}" for step, text in steps]
        for line in [json.dumps(dict(steps), indent=2)] if as_json else texts:
            typer.echo(line)
        return
    from aletheia.project.runner import run_workflow

    summary = run_workflow(effective, artifact_path=artifact_place(artifact_path))
    if as_json:
        typer.echo(json.dumps(summary, indent=2, default=str))
    if summary["state"] != "completed":
        raise typer.Exit(1)


def _project_options() -> dict[str, Any]:
    """Read the options of the workflow in project.yaml; none outside a project, which the run itself refuses."""
    from aletheia.core.errors import InputError
    from aletheia.core.paths import project_root
    from aletheia.project.config_file import workflow_options

    try:
        root = project_root()
    except InputError:
        return {}
    return workflow_options(root)
