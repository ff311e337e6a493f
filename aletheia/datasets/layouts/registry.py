"""The registry of layouts, and the choice of the one that fits a folder.

A layout is a function that is registered under a name: in this package, by a call, or by another installed package
through an entry point of the group ``aletheia.layouts``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from aletheia.core.errors import InputError
from aletheia.core.plugins import Registry
from aletheia.core.wording import counted
from aletheia.datasets.layouts.file_label import FileLabel, Layout
from aletheia.datasets.layouts.split_lists import add_listed_splits
from aletheia.datasets.layouts.tree import Tree
from aletheia.datasets.layouts.words import is_unclear_split

EXPECTED = (
    "Expected is a folder with sub-folders real/ and fake/ (inside them real/<source>/ and fake/<generator>/ "
    "if known), {train,valid,test}/{real,fake}/, one of the data sets listed in docs/own-data.md, or a manifest "
    "(CSV, parquet)"
)
#: The layout that fits much, tried after all that fit one data set.
GENERAL = "real-fake"

#: Looks at a data set's folder and returns the layout that reads it, or None when it is another kind of data set.
TreeLayout = Callable[[Tree], Layout | None]

_REGISTRY: Registry[TreeLayout] = Registry(
    "data-set layout", group="aletheia.layouts", package="aletheia.datasets.layouts"
)


def register_layout(name: str) -> Callable[[Layout], Layout]:
    """Register the decorated function, ``layout(parts, folder)``, as the layout of this name.

    Layouts from outside this package are tried first, in order of registration: they may be more specific.

    Raises
    ------
    InputError
        When another layout has the name.
    """

    def decorate(layout: Layout) -> Layout:
        @functools.wraps(layout)
        def open_tree(tree: Tree) -> Layout:
            return layout

        _REGISTRY.register(name)(open_tree)
        return layout

    return decorate


def register_tree_layout(name: str) -> Callable[[TreeLayout], TreeLayout]:
    """Register the decorated function, ``open_tree(tree)``, for a layout that reads lists beside the files.

    The function gets the :class:`Tree` and returns ``layout(parts, folder)``, or None when the tree is not of its kind.

    Raises
    ------
    InputError
        When another layout has the name.
    """
    return _REGISTRY.register(name)


def list_layouts() -> list[str]:
    """List the names of all layouts, in the order in which they are tried."""
    return list(_layouts())


def _layouts() -> dict[str, TreeLayout]:
    entries = _REGISTRY.all().items()
    return dict(sorted(entries, key=lambda item: (_REGISTRY.is_own(item[1]), item[0] == GENERAL)))


class Description(NamedTuple):
    """What a layout says about the files of a folder.

    Attributes
    ----------
    rows : list of dict
        ``path`` (relative) and the fields of :class:`FileLabel` that some file has, ``label``, ``source``,
        ``generator`` and ``split`` always.
    unplaced : list of str
        Files that have no place in the layout.
    layout : str
        Name of the layout, or names of several.
    """

    rows: list[dict[str, str]]
    unplaced: list[str]
    layout: str


def describe_files(folder: Path, files: list[str]) -> tuple[list[dict[str, str]], list[str]]:
    """Label every file by the first layout that fits its folder: rows and unplaced files of :func:`describe_tree`."""
    description = describe_tree(Tree(folder, files))
    return description.rows, description.unplaced


def describe_tree(tree: Tree) -> Description:
    """Label every file by the first layout that fits the folder.

    The layouts of single data sets in this package are one: a folder may hold several data sets. Parts of a split that
    the layout does not read are taken from lists beside the files (:mod:`aletheia.datasets.layouts.split_lists`).

    Raises
    ------
    InputError
        When no known layout fits.
    """
    layouts = _layouts()
    known = [name for name, layout in layouts.items() if _REGISTRY.is_own(layout) and name != GENERAL]
    outside = [name for name, layout in layouts.items() if not _REGISTRY.is_own(layout)]
    for names in (*([name] for name in outside), known, [GENERAL]):
        opened = {name: layout for name in names if (layout := layouts[name](tree)) is not None}
        placed = [(file, *_place(file, tree.name, opened)) for file in tree.files]
        rows = [(file, label) for file, label, _ in placed if label is not None]
        # A layout fits when it places most files: a stray one beside the folders is not a layout of its own.
        if rows and 2 * len(rows) >= len(placed):
            used = {name for _, _, name in placed}
            unplaced = [file for file, label, _ in placed if label is None]
            table = _tabulate(rows)
            _note_unclear_splits(tree)
            add_listed_splits(tree, table)
            return Description(table, unplaced, ", ".join(name for name in opened if name in used))
    tops = sorted({file.split("/")[0] for file in tree.files if "/" in file})
    content = (
        f"sub-folders {', '.join(map(repr, tops[:6]))}"
        if tops
        else f"{counted(len(tree.files), 'image')} without sub-folders"
    )
    extensions = f", or a layout of an installed extension ({', '.join(outside)})" if outside else ""
    lists = "".join(f" {note}" for note in tree.notes[:3])
    raise InputError(
        f"{tree.folder}: the folder's layout does not tell real from fake: it has {content}.{lists} "
        f"{EXPECTED}{extensions}."
    )


def _place(file: str, folder: str, layouts: dict[str, Layout]) -> tuple[FileLabel | None, str]:
    """Label a file by the first of some layouts that has a place for it, and name that one."""
    for name, layout in layouts.items():
        label = layout(file.split("/"), folder)
        if label is not None:
            return label, name
    return None, ""


def _note_unclear_splits(tree: Tree) -> None:
    """Say which folders name a part of a split whose role nobody knows, such as ``fold1``."""
    names = {name for folder in tree.folders() for name in folder.split("/") if is_unclear_split(name)}
    if names:
        shown = ", ".join(sorted(names)[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        tree.notes.append(
            f"The folders {shown} name parts of a split, and not whether they are for train, val or test: their files "
            "have no part. Rename them, or state the split in a manifest."
        )


def _tabulate(rows: list[tuple[str, FileLabel]]) -> list[dict[str, str]]:
    groups = [name for name in ("video", "identity", "pair") if any(getattr(label, name) for _, label in rows)]
    names = ["label", "source", "generator", "split", *groups]
    return [{"path": file, **{name: getattr(label, name) for name in names}} for file, label in rows]
