"""``aletheia workflow …``: the workflow as a pipeline of Kubeflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The workflow as a pipeline of Kubeflow.")


@app.command("compile")
def compile_(
    target: Annotated[Path, typer.Argument(help="The YAML file to write.")] = Path("build/pipeline.yaml"),
    workflow: Annotated[str, typer.Option(help="Name of the workflow in project.yaml.")] = "main",
    config: Annotated[
        Path | None, typer.Option(help="Options of the run, as `aletheia run --config` takes them.", show_default=False)
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", help="An option as name=value; may be given several times.", show_default=False),
    ] = None,
    image: Annotated[
        str,
        typer.Option(
            help="Image of all functions' pods; default: each one's own, or that of project.yaml.", show_default=False
        ),
    ] = "",
    artifact_path: Annotated[
        str, typer.Option(help="Where the steps store what they make, such as s3://bucket/runs.", show_default=False)
    ] = "",
    python: Annotated[
        Path | None,
        typer.Option(help="Python of an environment with mlrun\\[kfp18]; default: .venv-kfp.", show_default=False),
    ] = None,
    project: Annotated[
        Path | None, typer.Option(help="Folder of the project; by default the one you are in.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: steps and parameters.")] = False,
) -> None:
    """Compile a workflow for Kubeflow Pipelines, and save its functions on the tracking server (MLRUN_DBPATH).

    Needs the environment that `make setup-kfp` makes. Options become parameters of the pipeline. The workflow `retrain`
    cannot be compiled: what it starts from and whether it registers anything is known only while it runs.
    """
    from aletheia.core.paths import project_root
    from aletheia.project.config_file import read_options, workflow_options
    from aletheia.project.kubeflow.compilation import compile_workflow
    from aletheia.project.option_values import split_pairs
    from aletheia.project.run_config import RunConfig

    root = project_root(project)
    layers = [workflow_options(root), read_options(config) if config else {}, split_pairs(option or [])]
    compiled = compile_workflow(
        root,
        RunConfig.parse(*layers),
        target,
        workflow=workflow,
        python=python,
        image=image,
        artifact_path=artifact_path,
    )
    if as_json:
        typer.echo(json.dumps(compiled, indent=2))
        return
    typer.echo(f"{target}: {', '.join(compiled['steps'])}; {len(compiled['parameters'])} parameters.")
