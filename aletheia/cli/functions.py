"""``aletheia functions …``: generate the functions from the notebooks, check that both agree, run one by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from aletheia.core.errors import InputError
from aletheia.core.paths import project_root
from aletheia.tracking.connect import without_server

app = typer.Typer(no_args_is_help=True, help="Functions generated from the notebooks.")
Params = Annotated[
    list[str],
    typer.Option(help="Section or value of the file of parameters, such as train or faces.image_size; repeatable."),
]
ParamsFile = Annotated[Path, typer.Option(help="YAML file of parameters.")]
PARAMS_FILE = Path("params.yaml")
Project = Annotated[
    Path | None,
    typer.Option(help="Folder of the project; by default the one you are in.", show_default=False),
]


@app.command()
def build(
    names: Annotated[list[str] | None, typer.Argument(help="Functions; by default all.", show_default=False)] = None,
    project: Project = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: a list of the files written.")] = False,
) -> None:
    """Generate functions/<name>/ from notebooks/NN-<name>.ipynb, and list the functions in project.yaml."""
    root = project_root(project)
    with without_server():
        from aletheia.project.functions import build_functions

        written = [str(path.relative_to(root)) for path in build_functions(root, names or None)]
    for line in [json.dumps(written, indent=2)] if as_json else [f"wrote {path}" for path in written]:
        typer.echo(line)
    if not written and not as_json:
        typer.echo("Already up to date.")


@app.command()
def check(
    project: Project = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: a list of sentences.")] = False,
) -> None:
    """Compare functions/ with the notebooks byte for byte, and look through notebooks and project.yaml.

    Exit code 1 when there is something to mend.
    """
    root = project_root(project)
    with without_server():
        from aletheia.project.check import check_functions

        findings = check_functions(root)
    for line in [json.dumps([str(finding) for finding in findings], indent=2)] if as_json else findings:
        typer.echo(line)
    if not as_json:
        end = f"{len(findings)} to mend." if findings else "Notebooks, functions and project.yaml agree."
        typer.echo(end)
    if findings:
        raise typer.Exit(1)


@app.command("run")
def run_function(
    name: Annotated[str, typer.Argument(help="A function of the project, such as train.")],
    params: Params = [],  # noqa: B006 -- typer copies it
    params_file: ParamsFile = PARAMS_FILE,
    tables: Annotated[
        list[Path],
        typer.Option(help="Archive of tables with their pictures; each table is the input of its name; repeatable."),
    ] = [],  # noqa: B006 -- typer copies it
    inputs: Annotated[list[str], typer.Option("--input", help="Another input, as name=file; repeatable.")] = [],  # noqa: B006 -- typer copies it
    outputs: Annotated[list[str], typer.Option("--output", help="Copy an artifact, as name=file; repeatable.")] = [],  # noqa: B006 -- typer copies it
    write_tables: Annotated[
        Path | None, typer.Option(help="Write all tables that it logs, with their pictures, as an archive.")
    ] = None,
    results: Annotated[Path | None, typer.Option(help="Write its results as JSON.")] = None,
    metrics: Annotated[Path | None, typer.Option(help="Write those that are numbers as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print its results as JSON.")] = False,
) -> None:
    """Run one function by itself, with files as inputs and outputs, as a step of another program's pipeline.

    It is tracked like a step of the workflow. `dvc.yaml` is made of this command.
    """
    from aletheia.project.step import StepFiles, run_step
    from aletheia.project.step_params import read_params

    files = StepFiles(tables, _named_files(inputs), _named_files(outputs), write_tables, results, metrics)
    logged = run_step(name, read_params(params_file, params) if params else {}, files)
    if as_json:
        typer.echo(json.dumps(logged, indent=2, default=str))


def _named_files(words: list[str]) -> dict[str, Path]:
    named = dict(word.partition("=")[::2] for word in words)
    if faulty := [word for word in words if not all(word.partition("=")[::2])]:
        raise InputError(f"{faulty[0]!r} is no name=file, as in model=data/dvc/model.")
    return {name: Path(path) for name, path in named.items()}
