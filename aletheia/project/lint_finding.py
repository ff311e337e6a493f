"""Findings of a check: the place, the fault, and its remedy."""

from __future__ import annotations

from dataclasses import dataclass

#: Rules whose breach keeps a function from being generated.
BLOCKING = frozenset(
    {
        "unreadable",
        "file-name",
        "markers",
        "parameters-in-region",
        "config",
        "magic",
        "syntax",
        "handler",
        "signature",
        "outside-name",
        "local-import",
        "future-annotations",
    }
)


@dataclass(frozen=True)
class Finding:
    """A fault and its remedy.

    ``cell`` counts all cells from 1, text cells too; ``line`` counts the lines of that cell (or file) from 1.
    """

    rule: str
    file: str
    message: str
    remedy: str
    cell: int | None = None
    line: int | None = None
    detail: str = ""

    @property
    def blocking(self) -> bool:
        """Whether the function would be broken or misleading; other findings have no place in git, but do no harm."""
        return self.rule in BLOCKING

    def __str__(self) -> str:
        place = self.file
        place += f", cell {self.cell}" if self.cell is not None else ""
        place += f", line {self.line}" if self.line is not None else ""
        text = " ".join(part for part in (self.message, self.remedy, f"[{self.rule}]") if part)
        return f"{place}: {text}\n{self.detail}" if self.detail else f"{place}: {text}"
