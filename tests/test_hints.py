"""Names in hints exist: generators of the embedded data set, and commands of the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).resolve().parents[1]
TEXTS = [*ROOT.glob("aletheia/**/*.py"), *ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("docs/*.md"), ROOT / "README.md"]


@pytest.fixture(scope="module")
def text() -> str:
    """Return everything that gives hints."""
    return "\n".join(path.read_text(encoding="utf-8") for path in TEXTS)


def test_hints_generators_exist(text):
    from aletheia.datasets.synthetic.forgeries import GENERATORS

    named = set(re.findall(r"generator=([a-z][a-z-]*)(?=[\"'`\\\\ ])", text))
    assert "face-swap" in named and named <= set(GENERATORS), named


def test_hints_commands_exist(text):
    from aletheia.cli.root import app

    commands = {
        name: set(getattr(command, "commands", ())) for name, command in typer.main.get_command(app).commands.items()
    }
    wrong = [
        f"aletheia {first} {second}"
        for first, second in re.findall(r"`aletheia ([a-z]+)(?: ([a-z][a-z-]+))?", text)
        if first not in commands or (commands[first] and second and second not in commands[first])
    ]
    assert wrong == []
