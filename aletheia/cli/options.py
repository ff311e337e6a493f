"""Command-line options derived from the fields of :class:`~aletheia.project.run_config.RunConfig`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_origin

import typer

from aletheia.core.buckets.addresses import is_bucket_url, parse_url
from aletheia.core.errors import InputError
from aletheia.project.run_config import RunConfig

ArtifactPath = Annotated[
    str,
    typer.Option(
        help="Folder or bucket (s3://bucket/runs) where the steps store what they make; default: the project's.",
        show_default=False,
    ),
]


def artifact_place(artifact_path: str) -> str:
    """Return where artifacts go, a folder's path as an absolute one.

    Raises
    ------
    InputError
        For what is neither a folder nor in a bucket.
    """
    if not artifact_path:
        return ""
    if is_bucket_url(artifact_path):
        return str(parse_url(artifact_path))
    if "://" in artifact_path:
        raise InputError(f"--artifact-path {artifact_path}: name a folder, or a place in a bucket, s3://BUCKET/runs.")
    return str(Path(artifact_path).absolute())


def takes_options(*names: str, argument: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a run; it receives those that the user wrote, by name, as ``options``.

    Parameters
    ----------
    names : str
        The options; by default all.
    argument : str
        Another one, which the command takes as an argument: without dashes, and required.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "options"]
        chosen = [*names] or RunConfig.option_names()
        derived = [_option(name) for name in chosen]
        if argument:
            chosen.append(argument)
            help_text = RunConfig.model_fields[argument].description
            derived.insert(0, _parameter(argument, Annotated[str, typer.Argument(help=help_text)]))
        required = [p for p in parameters if p.default is p.empty]
        parameters = [_parameter("context", typer.Context), *required, *derived, *parameters[len(required) :]]

        @functools.wraps(command)
        def call(context: typer.Context, **values: Any) -> None:
            given = {name: values.pop(name) for name in chosen}
            written = {name: value for name, value in given.items() if _is_written(context, name)}
            command(options=RunConfig.with_absolute_paths(written, Path.cwd()), **values)

        # Typer reads both.
        keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
        call.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in parameters}
        return call

    return decorate


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _option(name: str) -> inspect.Parameter:
    """Return a field of the configuration as a parameter that Typer reads."""
    field, extra = RunConfig.model_fields[name], RunConfig.details(name)
    flag = f"--{extra.get('flag', name).replace('_', '-')}"
    former = [f"--{extra['old'].replace('_', '-')}"] if "old" in extra else []
    if field.annotation is bool and RunConfig.default_of(name) is True:
        flag += f"/--no-{flag.removeprefix('--')}"
    kind, default, text = field.annotation, RunConfig.default_of(name), field.description or ""
    if get_origin(kind) is dict or kind == list[str]:
        kind, default, text = list[str], [], f"{text} May come several times."
    elif get_origin(kind) is list:
        kind, default = str, ",".join(f"{number:g}" for number in default)
    low = next((limit.ge for limit in field.metadata if hasattr(limit, "ge")), None)
    high = next((limit.le for limit in field.metadata if hasattr(limit, "le")), None)
    panel = str(extra["group"]).capitalize()
    option = typer.Option(flag, *former, help=text, min=low, max=high, rich_help_panel=panel)
    return _parameter(name, Annotated[kind, option], default)


def _is_written(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
