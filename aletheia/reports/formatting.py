"""Numbers and tables as the reports show them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from aletheia.plotting.html import table


def number(value: float, spec: str, undefined: str = "–") -> str:
    """Format a number; `undefined` in place of NaN."""
    return undefined if math.isnan(value) else format(value, spec)


def escaped_table(head: Iterable[str], rows: Iterable[Iterable[object]], more: int = 0) -> str:
    """Render a table whose cells are texts, not markup; `more` is the number of rows that are left out."""
    return table(map(escape, head), ([escape(str(cell)) for cell in row] for row in rows), more)
