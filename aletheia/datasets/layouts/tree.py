"""The files of a data-set folder, and the lists that lie beside them.

The folder may come from strangers: links are followed only where the caller allows it, and lists are limited in size.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from aletheia.core.errors import InputError
from aletheia.core.paths import is_inside
from aletheia.imaging.media_types import is_video
from aletheia.imaging.reading import IMAGE_SUFFIXES

MAX_LIST_BYTES = 64_000_000
#: Folders without an end could be made of links that lead back up; real data sets are not nested this deep.
_MAX_DEPTH = 40


class Tree:
    """A data set's folder: its pictures and videos, and a limited view of the other files in it.

    Parameters
    ----------
    folder : Path
    files : list of str
        Pictures and videos, relative, as :func:`list_media` gives them.
    roots : sequence of str
        Real paths of the folders that a list may lie in; by default only `folder`.

    Attributes
    ----------
    used : set of str
        Lists that were read, relative to the folder.
    notes : list of str
        Sentences about lists that could not be used.
    """

    def __init__(self, folder: Path, files: list[str], roots: Sequence[str] | None = None) -> None:
        self.folder, self.files = folder, files
        self.name = folder.resolve().name
        self.roots = [os.path.realpath(folder)] if roots is None else list(roots)
        self.used: set[str] = set()
        self.notes: list[str] = []

    def folders(self) -> list[str]:
        """List all folders that hold a picture or video somewhere below, relative, the topmost ("") first."""
        found = {""}
        for folder in {file.rpartition("/")[0] for file in self.files}:
            above = folder
            while above not in found:
                found.add(above)
                above = above.rpartition("/")[0]
        return sorted(found)

    def read_text(self, name: str) -> str | None:
        """Read a small text file of the tree; None, with a note, for one that is absent or cannot be used."""
        path = self.folder / name
        if not path.is_file():
            return None
        try:
            if not any(is_inside(str(path), root, follow_links=True) for root in self.roots):
                raise ValueError("it is a link that leads out of the folder")
            if path.stat().st_size > MAX_LIST_BYTES:
                raise ValueError(f"it has more than {MAX_LIST_BYTES:,} bytes")
            text = path.read_bytes().decode("utf-8-sig")
        except (OSError, ValueError) as error:
            self._refuse(name, error)
            return None
        self.used.add(name)
        return text

    def read_lines(self, name: str) -> list[str] | None:
        """Read the lines of a text file that are not empty; None as :meth:`read_text`."""
        text = self.read_text(name)
        return None if text is None else [line.strip() for line in text.splitlines() if line.strip()]

    def read_json(self, name: str) -> Any:
        """Read a JSON file; None as :meth:`read_text`, and for one that is no JSON."""
        text = self.read_text(name)
        if text is None:
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            self._refuse(name, error)
            return None

    def read_table(self, name: str) -> list[dict[str, str]] | None:
        """Read a CSV file as one dict a row, headers in lower case; None as :meth:`read_text`."""
        text = self.read_text(name)
        if text is None:
            return None
        try:
            rows = list(csv.reader(io.StringIO(text)))
        except csv.Error as error:
            self._refuse(name, error)
            return None
        head = [cell.strip().lower() for cell in rows[0]] if rows else []
        return [dict(zip(head, (cell.strip() for cell in row), strict=False)) for row in rows[1:]]

    def _refuse(self, name: str, error: Exception) -> None:
        self.used.discard(name)
        reason = " ".join(str(error).split())[:150] or type(error).__name__
        self.notes.append(f"{name} lies beside the files but cannot be used ({reason}).")


def list_media(folder: Path, link_roots: Iterable[str] | None = None) -> tuple[list[str], list[tuple[str, str]]]:
    """List the images and videos under a folder, and the files that are neither.

    Hidden files and folders are ignored. Whether a link to a file stays inside the roots has to be checked when it is
    read (:func:`aletheia.core.paths.is_inside`).

    Parameters
    ----------
    folder
    link_roots : iterable of str, optional
        Real paths of folders that links may lead to. By default links to folders are not followed.

    Returns
    -------
    files : list of str
        Paths relative to the folder, with ``/``, in order.
    skipped : list of (str, str)
        Full path and reason.
    """
    files: list[str] = []
    skipped: list[tuple[str, str]] = []
    roots = None if link_roots is None else list(link_roots)
    followed: set[str] = set()

    def refuse(error: OSError) -> None:
        skipped.append((error.filename or str(folder), f"cannot be listed ({error.strerror})"))

    for current, folders, names in os.walk(folder, onerror=refuse, followlinks=roots is not None):
        kept = []
        for name in sorted(folders):
            path = Path(current, name)
            if name.startswith("."):
                continue
            reason = _refused_link(path, roots, followed) if path.is_symlink() else ""
            if len(path.relative_to(folder).parts) > _MAX_DEPTH:
                reason = f"lies more than {_MAX_DEPTH} folders deep"
            if reason:
                skipped.append((str(path), reason))
            else:
                kept.append(name)
        folders[:] = kept
        for name in sorted(names):
            path = Path(current, name)
            if name.startswith("."):
                continue
            if not name.lower().endswith(IMAGE_SUFFIXES) and not is_video(name):
                skipped.append((str(path), "is neither an image nor a video by its name"))
            else:
                files.append(path.relative_to(folder).as_posix())
    return files, skipped


def _refused_link(path: Path, roots: list[str] | None, followed: set[str]) -> str:
    """Say why a link to a folder is not followed; empty when it is, and then it is noted in `followed`."""
    if roots is None:
        return "is a link to a folder; links are not followed (option link_roots)"
    real = os.path.realpath(path)
    if not any(real == root or is_inside(real, root, follow_links=True) for root in roots):
        return "is a link to a folder outside of those that links may lead to (option link_roots)"
    if os.path.realpath(path.parent).startswith(real.rstrip(os.sep) + os.sep) or os.path.realpath(path.parent) == real:
        return "is a link to a folder above it"
    if real in followed:  # links to links would otherwise multiply without end
        return "is a second link to the same folder"
    followed.add(real)
    return ""


def real_roots(folder: Path, link_roots: Sequence[str]) -> list[str]:
    """Return the real paths of a data set's folder and of further folders that its links may lead to.

    Raises
    ------
    InputError
        When one of them is not a folder.
    """
    for root in link_roots:
        if not Path(root).is_dir():
            raise InputError(f"{root}: links may lead to this folder (option link_roots), but there is no such folder.")
    return [os.path.realpath(root) for root in (str(folder), *link_roots)]
