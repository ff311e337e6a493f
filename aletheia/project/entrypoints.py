"""A handler's signature and docstring as MLRun's UI shows them (``spec.entry_points``).

MLRun has a reader of its own (``mlrun.runtimes.funcdoc``). For plain handlers this one gives the same (a test
compares them). It differs where MLRun's would harm: a default of ``-1`` becomes a memory address there, each
build another; keyword-only parameters are left out; ``str | None`` has no type; ``list[str | None]`` raises.

A handler that takes options of a run as ``**options`` has them listed one by one, from the fields of
:class:`~aletheia.project.run_config.RunConfig`.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aletheia.project.run_config import RunConfig

#: The fields that MLRun's reader knows; it raises on any other (``:return:``, ``:raises:``).
FIELDS = ("param", "type", "returns", "rtype")
_FIELD = re.compile(r":\s*(?P<tag>\w+)(?:\s+(?P<name>\w+))?\s*:\s*(?P<text>.*)")

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Docstring:
    """A docstring in the reST fields that MLRun reads; ``problems`` says what MLRun would lose or refuse."""

    text: str = ""
    params: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    returns: str = ""
    return_type: str = ""
    problems: list[str] = field(default_factory=list)


def parse_docstring(doc: str) -> Docstring:
    """Read a docstring: text, then ``:param name: …`` (continued on indented lines), then ``:returns: …``."""
    lines = inspect.cleandoc(doc).splitlines()
    first = next((i for i, line in enumerate(lines) if line.startswith(":")), len(lines))
    parsed = Docstring(text="\n".join(lines[:first]).strip())
    for tag, name, text in _fields(lines[first:], parsed.problems):
        if tag == "param":
            parsed.params[name] = text
        elif tag == "type":
            parsed.types[name] = text
        elif tag == "returns":
            parsed.returns = text
        elif tag == "rtype":
            parsed.return_type = text
        else:
            parsed.problems.append(f"MLRun does not know the field ':{tag}:', only {', '.join(FIELDS)}.")
    return parsed


def _fields(lines: Sequence[str], problems: list[str]) -> list[tuple[str, str, str]]:
    """Split the end of a docstring into fields: tag, name, text; add lines that belong to none to ``problems``."""
    fields: list[tuple[str, str, list[str]]] = []
    for line in lines:
        match = _FIELD.match(line)
        if match:
            fields.append((match["tag"], match["name"] or "", [match["text"].strip()]))
        elif line[:1].isspace() and line.strip():
            if fields:
                fields[-1][2].append(line.strip())
        elif line.strip():
            problems.append(f"MLRun does not read {line.strip()!r}: the fields come last.")
    return [(tag, name, " ".join(part for part in parts if part)) for tag, name, parts in fields]


def public_functions(tree: ast.Module) -> list[FunctionNode]:
    """Return the functions at the top level whose names do not begin with an underscore."""
    return [node for node in tree.body if isinstance(node, FunctionNode) and not node.name.startswith("_")]


def public_classes(tree: ast.Module) -> list[ast.ClassDef]:
    """Return the classes at the top level whose names do not begin with an underscore."""
    return [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]


def parameters(function: FunctionNode) -> list[tuple[ast.arg, ast.expr | None]]:
    """Return the parameters that can be given by name, each with its default, in order."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    return [
        *zip(positional, defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]


def literal(default: ast.expr) -> Any:
    """Return the value of a default as YAML can hold it (tuples become lists).

    Raises
    ------
    ValueError
        When it is no literal, or one that neither YAML nor a workflow's arguments can hold (bytes, sets).
    """
    return _plain(ast.literal_eval(default))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    raise ValueError(f"{value!r} is no plain value")


def type_text(annotation: ast.expr | None) -> str:
    """Return a type hint as text; ``mlrun.DataItem`` is ``DataItem``, by which the UI knows an input."""
    if annotation is None:
        return ""
    if isinstance(annotation, ast.Attribute) and isinstance(annotation.value, ast.Name):
        return annotation.attr
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value
    return ast.unparse(annotation)


def entry_point(function: FunctionNode, options: Sequence[str] = ()) -> dict[str, Any]:
    """Return one value of ``spec.entry_points``: name, doc, parameters, outputs, line, in a fixed order.

    Parameters
    ----------
    function : ast node
        The handler.
    options : sequence of str
        Options of a run, or groups of them, that it takes as ``**options``.

    Raises
    ------
    ValueError
        When a default is no literal.
    """
    doc = parse_docstring(ast.get_docstring(function) or "")
    listed = []
    for argument, default in parameters(function):
        entry: dict[str, Any] = {"name": argument.arg}
        if kind := doc.types.get(argument.arg) or type_text(argument.annotation):
            entry["type"] = kind
        if text := doc.params.get(argument.arg):
            entry["doc"] = text
        if default is not None:
            entry["default"] = literal(default)
        listed.append(entry)
    if function.args.kwarg is not None and options:
        named = {entry["name"] for entry in listed}
        listed += [_option_entry(name) for name in RunConfig.option_names(*options) if name not in named]
    output = {
        "type": doc.return_type or (ast.unparse(function.returns) if function.returns else ""),
        "doc": doc.returns,
    }
    result: dict[str, Any] = {"name": function.name, "doc": doc.text, "parameters": listed}
    if output := {key: value for key, value in output.items() if value}:
        result["outputs"] = [output]
    return result | {
        "lineno": function.lineno,
        "has_varargs": function.args.vararg is not None,
        "has_kwargs": function.args.kwarg is not None,
    }


def _option_entry(name: str) -> dict[str, Any]:
    """Describe an option of a run as a parameter."""
    field = RunConfig.model_fields[name]
    kind = field.annotation.__name__ if isinstance(field.annotation, type) else str(field.annotation)
    return {
        "name": name,
        "type": kind.split("[")[0],
        "doc": RunConfig.describe(name),
        "default": RunConfig.default_of(name),
    }
