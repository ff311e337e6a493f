"""Commands, targets and paths that the README and the documentation name."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import typer

from aletheia.cli.root import app

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(`{3,}|~{3,})[^\n]*\n(.*?)^\1\s*$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"^ {4}(.*)$", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#\s]+)")
_VALUE = re.compile(r"\.\.\.|…")


def code_lines(text: str) -> list[str]:
    """Lines of all code in a Markdown text, with continued lines joined."""
    blocks = [match[1] for match in _FENCE.findall(text)]
    rest = _FENCE.sub("", text)
    blocks += ["\n".join(_INDENTED.findall(rest)), *_INLINE.findall(rest)]
    return [line for block in blocks for line in re.sub(r"\\\n\s*", " ", block).splitlines()]


def aletheia_commands(text: str) -> list[list[str]]:
    """Arguments of each `aletheia …` command, up to a comment, pipe or semicolon."""
    commands = []
    for line in code_lines(text):
        match = re.match(r"^\s*(?:[A-Z_]+=\S+ )*(?:\S*bin/)?aletheia ([a-z-].*)$", line)
        if match:
            words = shlex.split(_VALUE.sub("", match[1]), comments=True)
            ends = [i for i, word in enumerate(words) if word in ("|", ";", "&&", "||", ">")]
            commands.append(words[: ends[0]] if ends else words)
    return commands


def make_targets(text: str) -> set[str]:
    """Targets of each `make …` command."""
    found: set[str] = set()
    for line in code_lines(text):
        match = re.match(r"^\s*(?:[A-Z_]+=\S+ )*make((?: [a-z][a-z-]*)+)", line)
        if match:
            found.update(match[1].split())
    return found


def linked_paths(text: str) -> set[str]:
    """Local paths that links and pictures point at."""
    return {target for target in _LINK.findall(text) if "://" not in target and not target.startswith("mailto:")}


def defined_targets() -> set[str]:
    """Targets of the Makefile."""
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def command_problem(arguments: list[str]) -> str | None:
    """Say what the command line would not accept: an unknown command or option."""
    command: Any = typer.main.get_command(app)
    arguments = list(arguments)
    while hasattr(command, "commands"):
        if not arguments or arguments[0].startswith("-"):
            break
        name = arguments.pop(0)
        if name not in command.commands:
            return f"no command {name!r}"
        command = command.commands[name]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    options |= {"--help", "-h", "--version"} if hasattr(command, "commands") else {"--help", "-h"}
    for argument in arguments:
        option = argument.split("=", 1)[0]
        if re.fullmatch(r"--?[a-z][a-z0-9-]*", option) and option not in options:
            return f"no option {option!r}"
    return None
