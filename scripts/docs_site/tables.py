"""Markdown tables of what the code defines: fields of configurations, commands and their options, networks."""

from __future__ import annotations

import importlib
import types
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import annotated_types
import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

_LIMITS = {
    annotated_types.Ge: ("ge", "≥"),
    annotated_types.Gt: ("gt", ">"),
    annotated_types.Le: ("le", "≤"),
    annotated_types.Lt: ("lt", "<"),
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells may hold Markdown, and pipes in them are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def fields_table(dotted: str) -> str:
    """Return the fields of a pydantic model: name, type and range, default, description.

    Parameters
    ----------
    dotted : str
        Module and class, as in ``aletheia.training.config.TrainConfig``, or a function that builds the class.

    Raises
    ------
    ValueError
        When it has no fields.
    """
    module, name = dotted.rsplit(".", 1)
    found = getattr(importlib.import_module(module), name)
    model: type[BaseModel] = found if isinstance(found, type) else found()
    if not model.model_fields:
        raise ValueError(f"{dotted} has no fields to list")
    rows = [
        (f"`{name}`", _accepted(field), _default(field), field.description or "")
        for name, field in model.model_fields.items()
    ]
    return table(("field", "accepts", "default", "meaning"), rows)


def variables_table() -> str:
    """Return the environment variables that are no fields of the settings, with their meaning."""
    from aletheia.core.settings import OTHER_VARIABLES

    return table(("variable", "meaning"), ((f"`{name}`", text) for name, text in OTHER_VARIABLES.items()))


def presets_table() -> str:
    """Return the named recipes of a run: what each is for, and the options that it sets."""
    from aletheia.project.presets import PRESETS

    rows = (
        (f"`{name}`", preset.sentence, ", ".join(f"`{key}` {value}" for key, value in preset.options.items()))
        for name, preset in PRESETS.items()
    )
    return table(("preset", "for", "options"), rows)


def _accepted(field: FieldInfo) -> str:
    limits = [
        f"{sign} {getattr(limit, attribute):,}"
        for limit in field.metadata
        for kind, (attribute, sign) in _LIMITS.items()
        if isinstance(limit, kind)
    ]
    return ", ".join([type_name(field.annotation), *limits])


def type_name(annotation: Any) -> str:
    """Name a type as a reader of a table expects it: alternatives joined by "or", values of a literal in code."""
    if isinstance(annotation, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
        annotation = annotation.__value__
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_name(argument) for argument in arguments)
    if origin is typing.Annotated:
        return type_name(arguments[0])
    if annotation is types.NoneType:
        return "none"
    if origin in (list, tuple, dict, set, frozenset):
        inside = [type_name(argument) for argument in arguments if argument is not Ellipsis]
        return f"{origin.__name__} of {', '.join(inside)}" if inside else origin.__name__
    return getattr(annotation, "__name__", str(annotation))


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        value = field.get_default(call_default_factory=True, validated_data={})
        return f"`{value!r}`" if isinstance(value, list | dict | tuple) else "computed"
    if field.default is PydanticUndefined:
        return "required"
    is_large = type(field.default) is int and field.default >= 100_000
    return f"`{field.default:,}`" if is_large else f"`{field.default!r}`"


def commands_page() -> str:
    """Return the reference of the command line."""
    from aletheia.cli.root import app

    parts = ["# Command line\n\nGenerated from the program itself: `aletheia COMMAND --help` says the same.\n"]
    parts += _commands(typer.main.get_command(app), "aletheia")
    return "\n".join(parts)


def _commands(command: Any, path: str) -> list[str]:
    subcommands: dict[str, Any] = getattr(command, "commands", {})
    parts = []
    if path != "aletheia":
        parts = [f"## `{path}`\n", (command.help or "").replace("\b", "") + "\n"]
        if not subcommands:
            parts += [_usage(command, path), _options(command)]
    for name, subcommand in subcommands.items():
        parts += _commands(subcommand, f"{path} {name}")
    return parts


def _usage(command: Any, path: str) -> str:
    arguments = [parameter for parameter in command.params if _is_argument(parameter)]
    words = [_argument(parameter) for parameter in arguments]
    options = "[OPTIONS] " if len(arguments) < len(command.params) else ""
    return f"```text\n{path} {options}{' '.join(words)}".rstrip() + "\n```\n"


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _argument(parameter: Any) -> str:
    name = (parameter.name or "").upper() + ("..." if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def _options(command: Any) -> str:
    rows = []
    for parameter in command.params:
        names = [f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts)]
        if _is_argument(parameter):
            names = [f"`{(parameter.name or '').upper()}`"]
        default = getattr(parameter, "default", None)
        has_default = isinstance(default, str | int | float | Path) and default is not False and default != ""
        shown = f"`{default}`" if has_default else ""
        rows.append(
            (", ".join(names), "required" if parameter.required else shown, getattr(parameter, "help", "") or "")
        )
    return table(("argument or option", "default", "meaning"), rows) if rows else ""
