"""``aletheia functions …``: generate the functions from the notebooks, and check that both agree."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from aletheia.core.paths import project_root

app = typer.Typer(no_args_is_help=True, help="Functions generated from the notebooks.")
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
    with _without_server():
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
    with _without_server():
        from aletheia.project.check import check_functions

        findings = check_functions(root)
    for line in [json.dumps([str(finding) for finding in findings], indent=2)] if as_json else findings:
        typer.echo(line)
    if not as_json:
        end = f"{len(findings)} to mend." if findings else "Notebooks, functions and project.yaml agree."
        typer.echo(end)
    if findings:
        raise typer.Exit(1)


@contextlib.contextmanager
def _without_server() -> Iterator[None]:
    """Import MLRun without a server: it would ask MLRUN_DBPATH for settings, and functions depend on none."""
    original = {key: os.environ.get(key) for key in ("MLRUN_DBPATH", "MLRUN_IGNORE_ENV_FILE")}
    os.environ.pop("MLRUN_DBPATH", None)
    os.environ["MLRUN_IGNORE_ENV_FILE"] = "1"
    try:
        yield
    finally:
        for key, value in original.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
