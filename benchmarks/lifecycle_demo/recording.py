"""What happened in each step: progress lines, the table at the end, and the same as JSON."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from aletheia.core.files import atomic_write
from benchmarks.lifecycle_demo.terminal import Terminal


@dataclasses.dataclass
class Step:
    """A step: what it shows, the commands that do so, what was seen, how long it took, and its numbers."""

    name: str
    commands: list[str] = dataclasses.field(default_factory=list)
    seen: list[str] = dataclasses.field(default_factory=list)
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    processor_seconds: float = 0.0


class Recorder:
    """Times steps, says on standard error what goes on, and keeps what was seen.

    Parameters
    ----------
    terminal : Terminal
        Whose processor time counts.
    file : Path
        Gets all steps as JSON, after each of them.
    total : int
        Steps.
    """

    def __init__(self, terminal: Terminal, file: Path, total: int) -> None:
        self.steps: list[Step] = []
        self._terminal, self._file, self._total, self._began = terminal, file, total, time.monotonic()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Time a step; what it raises is passed on, after it was recorded as what was seen."""
        step = Step(name)
        self.steps.append(step)
        self.say(f"{len(self.steps)}/{self._total} {name} …")
        began, used = time.monotonic(), self._terminal.processor_seconds()
        try:
            yield step
        except BaseException as error:
            step.seen.append(f"FAILED: {str(error) or type(error).__name__}")
            raise
        finally:
            step.seconds = time.monotonic() - began
            step.processor_seconds = max(self._terminal.processor_seconds() - used, 0.0)
            self.say(f"    {' '.join(step.seen)}")
            with atomic_write(self._file) as file:
                file.write(json.dumps([dataclasses.asdict(one) for one in self.steps], indent=1).encode())

    def say(self, text: str) -> None:
        """Print a line with the seconds since the beginning."""
        print(f"[{time.monotonic() - self._began:4.0f} s] {text}", file=sys.stderr, flush=True)

    def table(self) -> Table:
        """Return the table "what happened"."""
        columns = [Column("step", ratio=2), Column("what was seen", ratio=6)]
        columns.append(Column("what one would type", ratio=6, overflow="fold"))
        table = Table(*columns, Column("s", justify="right"), Column("CPU s", justify="right"), title="What happened")
        table.show_lines = True
        for number, step in enumerate(self.steps, 1):
            cells = (f"{number} {step.name}", "\n".join(step.seen), "\n".join(step.commands))
            table.add_row(*map(escape, cells), f"{step.seconds:.0f}", f"{step.processor_seconds:.0f}")
        sums = [sum(getattr(step, name) for step in self.steps) for name in ("seconds", "processor_seconds")]
        table.add_row("together", "", "", *(f"{total:.0f}" for total in sums))
        return table

    def print_table(self) -> None:
        """Print it on standard output, 120 columns wide where that is no terminal."""
        console = Console() if sys.stdout.isatty() else Console(width=120)
        console.print(self.table())
