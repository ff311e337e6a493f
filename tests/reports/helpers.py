"""Reading of pages: texts of table cells, with entities resolved."""

from __future__ import annotations

import re
from html.parser import HTMLParser


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.tags: set[str] = set()
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.tables[-1][-1][-1] += data


def read_tables(html: str) -> list[list[list[str]]]:
    """Return the cells of each table, row by row, its head first."""
    parser = _Tables()
    parser.feed(without_scripts(html))
    return parser.tables


def tags(html: str) -> set[str]:
    """Return the names of all elements, scripts left out."""
    parser = _Tables()
    parser.feed(without_scripts(html))
    return parser.tags


def without_scripts(html: str) -> str:
    """Remove plotly's code and data."""
    return re.sub(r"(?s)<script.*?</script>", "", html)
