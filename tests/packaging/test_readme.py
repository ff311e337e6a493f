"""The README keeps to its length, and what it names exists."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from aletheia.cli.root import app

from .commands import (
    ROOT,
    aletheia_commands,
    code_lines,
    command_problem,
    defined_targets,
    linked_paths,
    make_targets,
)

README = (ROOT / "README.md").read_text()
MAX_WORDS = 700


def test_readme_length():
    assert len(README.split()) <= MAX_WORDS  # as `wc -w` counts


def test_readme_paths_exist():
    named = linked_paths(README)
    named |= {word for line in code_lines(README) for word in re.findall(r"^ *([a-z]+/) ", line)}
    assert {"docs/limitations.md", "LICENSE", "notebooks/"} <= named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_readme_targets_exist():
    targets = make_targets(README)
    assert {"demo", "test", "docs", "serve"} <= targets
    assert targets <= defined_targets()


def test_readme_commands_exist():
    commands = aletheia_commands(README)
    assert {command[0] for command in commands} >= {"audit", "predict", "evaluate"}
    for command in commands:
        assert command_problem(command) is None, command
        result = CliRunner().invoke(app, [command[0], "--help"])
        assert result.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["run", "--seed", "1"], None),
        (["run", "--sead", "1"], "no option '--sead'"),
        (["models", "lost"], "no command 'lost'"),
        (["models", "architectures", "x*", "--json"], None),
    ],
)
def test_command_problem(arguments, problem):
    assert command_problem(arguments) == problem


def test_aletheia_commands_of_a_text():
    text = "Use `aletheia run --seed 1`, or:\n\n    A=b bin/aletheia audit \\\n        x  # as above\n    make demo\n"
    assert sorted(aletheia_commands(text)) == [["audit", "x"], ["run", "--seed", "1"]]
    assert make_targets(text) == {"demo"}
