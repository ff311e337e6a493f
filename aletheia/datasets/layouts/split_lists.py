"""Lists of a split's parts beside a plain tree: ``test.txt``, ``testing_list.txt``, ``train.csv``, ``splits.json``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

from aletheia.core.wording import counted
from aletheia.datasets.layouts.tree import Tree
from aletheia.datasets.layouts.words import is_unclear_split, read_split

_MOST_FOLDERS = 1000  # in which lists are looked for
_KNOWN_SHARE = 0.5  # of a list's entries that must name a file, for it to be used
_DEPTH = 2  # of the folders in which lists are looked for: a label, and a source below it
_COLUMNS = (
    "path",
    "file",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "image",
    "image_path",
    "image_id",
    "video",
    "name",
)
_LIST_WORDS = frozenset(("list", "lists", "of", "file", "files", "names", "filenames"))
_SHOWN = 4
#: Lists whose parts are numbers: CelebA's (Z. Liu, P. Luo, X. Wang, X. Tang, "Deep Learning Face Attributes in the
#: Wild", ICCV 2015), by its name without suffix.
_NUMBERED = {"list_eval_partition": {"0": "train", "1": "val", "2": "test"}}

#: A part, or "" where none can be read, and the name of a file or of a folder.
_Entry = tuple[str, str]


def add_listed_splits(tree: Tree, rows: list[dict[str, str]]) -> None:
    """Fill the parts of rows that have none from lists beside the files, and say in the tree's notes what was done.

    Read are lists that are called after a part, with a file, a folder of frames or a video a line, and tables and JSON
    files that are called after splits, with the part of each file. A name counts from the list's folder or from the
    data set's, with or without its suffix; a mere file name will do where one file bears it. Files that no list names
    are for training if there is no list of training files.

    Parameters
    ----------
    tree : Tree
        Lists that a layout has read already are left alone.
    rows : list of dict
        Changed in place: ``path`` (relative) and ``split``.
    """
    if all(row["split"] for row in rows):
        return
    names = [name for name in _candidates(tree) if name not in tree.used]
    if not names:
        return
    files = _Files([row["path"] for row in rows])
    parts: dict[str, str] = {}
    conflicting: set[str] = set()
    used: list[str] = []
    for name in names:
        found = _read(tree, name, files)
        if found is None:
            continue
        used.append(name)
        for target, part in found.items():
            if parts.setdefault(target, part) != part:
                conflicting.add(target)
    if used:
        _fill(tree, rows, parts, conflicting, used)


def _fill(
    tree: Tree, rows: list[dict[str, str]], parts: dict[str, str], conflicting: set[str], used: list[str]
) -> None:
    rest = "" if "train" in parts.values() else "train"
    listed, others, contradicted = 0, 0, 0
    for row in rows:
        target = next((name for name in _lookups(row["path"]) if name in parts), "")
        if not target or target in conflicting:
            if not target and not row["split"] and rest:
                row["split"], others = rest, others + 1
        elif row["split"]:
            contradicted += row["split"] != parts[target]
        else:
            row["split"], listed = parts[target], listed + 1
    if not (listed or others or contradicted or conflicting):
        return  # the folders say the same
    text = f"The parts of {counted(listed, 'file')} were read from {_shown(used)}"
    text += f"; {counted(others, 'file')} of no list are for training" if others else ""
    tree.notes.append(f"{text}.")
    if conflicting:
        tree.notes.append(f"{_shown(used)} put {counted(len(conflicting), 'file')} into two parts: read as no part.")
    if contradicted:
        tree.notes.append(
            f"{_shown(used)} contradict the folders of {counted(contradicted, 'file')}: the folders count."
        )


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _candidates(tree: Tree) -> Iterator[str]:
    """Yield the lists called after a part or a split, in the folder and two levels below it."""
    folders = [""]
    for folder in folders:  # grows on the way
        try:
            with os.scandir(tree.folder / folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in found:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if name.count("/") < _DEPTH and len(folders) <= _MOST_FOLDERS:
                    folders.append(name)
            elif entry.name.lower().endswith((".txt", ".lst", ".csv", ".json")) and _means_split(entry.name):
                yield name


def _means_split(name: str) -> bool:
    stem = _stem(name)
    return bool(read_split(stem)) or is_unclear_split(stem)


def _stem(name: str) -> str:
    """Cut the suffix, and words such as list, from the name of a list."""
    words = PurePosixPath(name).stem.lower().replace("-", "_").split("_")
    return "_".join(word for word in words if word not in _LIST_WORDS)


class _Files:
    """The names that files go by: their paths, their folders, both without suffix, and names that only one bears."""

    def __init__(self, paths: list[str]) -> None:
        self._known: set[str] = set()
        self._common = os.path.commonpath(paths) if len(paths) > 1 else ""
        own: dict[str, str] = {}
        for path in paths:
            self._known.update(_lookups(path))
            name = path.rpartition("/")[2]
            for key in {name, _without_suffix(name)}:
                own[key] = "" if key in own else path
        self._own = own

    def find(self, name: str, above: str) -> str:
        """Find what a list in the folder `above` calls by a name; empty when there is no such file or folder."""
        plain = os.path.normpath(name.replace("\\", "/")).lstrip("/")
        for folder in (above, "", self._common):
            key = f"{folder}/{plain}" if folder else plain
            for known in (key, _without_suffix(key)):
                if known in self._known:
                    return known
        return self._own.get(plain, "") or self._own.get(_without_suffix(plain), "")


def _lookups(path: str) -> Iterator[str]:
    """Yield the names by which a list may mean a file, the most exact first."""
    yield path
    yield _without_suffix(path)
    above = path.rpartition("/")[0]
    while above:
        yield above
        above = above.rpartition("/")[0]


def _without_suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and stem and "/" not in suffix else name


def _read(tree: Tree, name: str, files: _Files) -> dict[str, str] | None:
    """Read a list as the part of each file or folder that it names; None, with a note, where that cannot be done."""
    entries = _entries(tree, name)
    if entries is None:
        return None
    above = name.rpartition("/")[0]
    parts: dict[str, str] = {}
    unread: Counter[str] = Counter()
    for part, text in entries:
        words = (text, *text.replace(",", " ").split())
        target = next((found for word in words if (found := files.find(word, above))), "")
        unread["name no file of the folder"] += not target
        unread["give no part that can be read"] += bool(target) and not part
        if part and target:
            parts[target] = part
    if entries and len(parts) >= _KNOWN_SHARE * len(entries):
        return parts
    reason = "it names no files in a way that is known"
    if entries:
        why, count = unread.most_common(1)[0]
        reason = f"{count:,} of {counted(len(entries), 'entry', 'entries')} {why}"
    tree.notes.append(f"{name} lies beside the files, and was not used for the split: {reason}.")
    tree.used.discard(name)
    return None


def _entries(tree: Tree, name: str) -> list[_Entry] | None:
    """Read the entries of a list, each a part and the text that names a file; None, with a note, for no such list."""
    numbers = _NUMBERED.get(PurePosixPath(name).stem.lower(), {})
    part = "" if numbers else read_split(_stem(name))
    if name.lower().endswith(".json"):
        content = tree.read_json(name)
        entries = None if content is None else list(_json_entries(content, part))
    elif name.lower().endswith(".csv"):
        rows = tree.read_table(name)
        entries = None if rows is None else _table_entries(rows, part, numbers)
        if rows is not None and not entries:  # no header that says what a column holds
            entries = [(part, line) for line in tree.read_lines(name) or ()]
    else:
        lines = tree.read_lines(name)
        entries = None if lines is None else [(part or _part(line.split()[-1], numbers), line) for line in lines]
    return entries


def _json_entries(content: object, part: str) -> Iterator[_Entry]:
    """Read ``[name, …]``, ``{part: [name, …]}`` and ``{name: part}``."""
    if isinstance(content, list):
        yield from ((part, name) for name in content if isinstance(name, str))
    elif isinstance(content, dict):
        for key, value in content.items():
            if isinstance(value, list):
                yield from ((read_split(key), name) for name in value if isinstance(name, str))
            elif isinstance(value, str):
                yield read_split(value), key


def _part(cell: str, numbers: dict[str, str]) -> str:
    return numbers.get(cell.strip(), "") or read_split(cell)


def _table_entries(rows: list[dict[str, str]], part: str, numbers: dict[str, str]) -> list[_Entry]:
    entries = []
    for row in rows:
        name = next((row[column] for column in _COLUMNS if row.get(column)), "")
        if name:
            cell = next((row[column] for column in ("split", "set", "subset", "partition") if row.get(column)), "")
            entries.append((_part(cell, numbers) or part, name))
    return entries
