"""Trees of data sets in their true shape: names only, since a layout does not open pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aletheia.datasets.layouts.registry import describe_tree
from aletheia.datasets.layouts.tree import Tree, list_media

Rows = dict[str, dict[str, str]]


@pytest.fixture
def describe(tmp_path: Path) -> Callable[..., Rows]:
    """Make a tree of empty files and lists; return its rows by path, the layout's name under '' and the notes."""

    def make(name: str, files: list[str], lists: dict[str, Any] | None = None) -> Rows:
        root = tmp_path / name
        for file in files:
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).touch()
        for file, content in (lists or {}).items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(content if isinstance(content, str) else json.dumps(content))
        tree = Tree(root, list_media(root)[0])
        description = describe_tree(tree)
        rows: Rows = {row["path"]: row for row in description.rows}
        rows[""] = {"layout": description.layout, "unplaced": " ".join(description.unplaced)}
        rows[""] |= {"used": " ".join(sorted(tree.used)), "notes": " ".join(tree.notes)}
        return rows

    return make
