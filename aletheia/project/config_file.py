"""Options of a run in YAML: read from a file or from the workflow in ``project.yaml``, written with comments."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import yaml

from aletheia.core.errors import InputError
from aletheia.project.run_config import RunConfig

_WIDTH = 110  # of a comment


def read_yaml(path: Path, what: str) -> Any:
    """Read a YAML file.

    Parameters
    ----------
    path : Path
    what : str
        What it is, at the beginning of a message.

    Raises
    ------
    InputError
        When it cannot be read, or is no YAML.
    """
    try:
        return yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise InputError(f"{what} {path} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{what} {path} is no YAML: {' '.join(str(error).split())}.") from None


def read_options(path: Path) -> dict[str, Any]:
    """Read options from a YAML file; its paths are relative to its folder.

    Raises
    ------
    InputError
        When there is no such file, or it holds no mapping of options.
    """
    values = read_yaml(path, "The configuration")
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"The configuration {path} holds no options; write one 'name: value' on each line.")
    return RunConfig.with_absolute_paths({str(name): value for name, value in values.items()}, path.resolve().parent)


def workflow_options(root: Path, name: str = "main") -> dict[str, Any]:
    """Return the ``args`` of a workflow in ``project.yaml``: what this project sets otherwise than the defaults."""
    project = yaml.safe_load((root / "project.yaml").read_bytes()) or {}
    for workflow in (project.get("spec") or {}).get("workflows") or ():
        if workflow.get("name") == name:
            return RunConfig.with_absolute_paths(workflow.get("args") or {}, root)
    return {}


def to_yaml(config: RunConfig) -> str:
    """Write all options with their descriptions as comments, in the form that :func:`read_options` reads."""
    lines: list[str] = []
    group = ""
    for name in RunConfig.model_fields:
        if RunConfig.details(name)["group"] != group:
            group = RunConfig.details(name)["group"]
            lines += ["", f"# --- {group} ---"]
        lines += textwrap.wrap(RunConfig.describe(name), _WIDTH, initial_indent="# ", subsequent_indent="# ")
        value = getattr(config, name)
        flow = None if isinstance(value, list | dict) else False  # a list on one line, and no braces around a number
        text = yaml.safe_dump({name: value}, default_flow_style=flow, allow_unicode=True, width=10_000)
        lines += text.rstrip("\n").split("\n")
    return "\n".join(lines[1:]) + "\n"
