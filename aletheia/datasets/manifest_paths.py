"""Paths in a manifest: kept inside its folder, and spelled as the file system of this machine spells them."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.paths import is_inside
from aletheia.datasets.schema import name_rows
from aletheia.datasets.validation import URI

_CHUNK = 100_000


def with_slashes(paths: Array, folder: Path) -> tuple[Array, int]:
    """Replace backslashes in relative paths by slashes, unless a file of just that name lies in the folder.

    Returns
    -------
    paths : np.ndarray
        (n,) str objects.
    changed : int
        How many were changed.
    """
    spelled = np.flatnonzero(np.array(["\\" in path for path in paths], dtype=bool))
    if not spelled.size:
        return paths, 0
    out, changed = paths.copy(), 0
    for i in spelled:
        if not (folder / str(paths[i])).is_file():
            out[i] = str(paths[i]).replace("\\", "/")
            changed += 1
    return out, changed


def stays_inside(path: str, folder: str) -> bool:
    """Whether a path, relative to a folder or absolute, stays inside it however its ``..`` lead.

    A home (``~``), a drive, a URI and a path with backslashes do not, since other programs read them in other ways.
    """
    if path.startswith("~") or "\\" in path or (":" in path.split("/", 1)[0]):
        return False
    return is_inside(path, folder, follow_links=False)


def as_on_disk(paths: Array, root: Path) -> tuple[Array, int]:
    """Find files whose names differ from the paths in the form of their letters only.

    ``é`` may be one character or two (Unicode NFC and NFD); macOS writes the latter, most programs the former.

    Parameters
    ----------
    paths : np.ndarray
        (n,) absolute paths. Those of existing files, and all that is ASCII, stay.
    root : Path
        Folders below it are searched, and nothing else.

    Returns
    -------
    paths : np.ndarray
    changed : int
        How many were changed.
    """
    out, changed = paths, 0
    listings: dict[str, dict[str, str]] = {}
    top = str(root).rstrip(os.sep) + os.sep
    for i, path in enumerate(paths):
        if path.isascii() or not path.startswith(top) or Path(path).exists():
            continue
        found = _find(top, path[len(top) :].split("/"), listings)
        if found is not None:
            out = paths.copy() if out is paths else out
            out[i] = found
            changed += 1
    return out, changed


def _find(folder: str, parts: list[str], listings: dict[str, dict[str, str]]) -> str | None:
    """Follow the parts of a path, each in any form of its letters; None when one is not there."""
    for part in parts:
        if folder not in listings:
            try:
                names = [entry.name for entry in Path(folder).iterdir()]
            except OSError:
                names = []
            listings[folder] = {unicodedata.normalize("NFC", name): name for name in names}
        name = listings[folder].get(unicodedata.normalize("NFC", part))
        if name is None:
            return None
        folder = str(Path(folder, name))
    return folder


def resolve(paths: pd.Series, manifest: Path, root: Path, allow_absolute: bool) -> Array:
    """Make the paths of a manifest absolute, in place: of ten million a second copy would take a gigabyte.

    Parameters
    ----------
    paths : pd.Series
        (n,) texts.
    manifest : Path
        For the message.
    root : Path
        Folder that relative paths count from.
    allow_absolute : bool
        Whether paths may leave it.

    Returns
    -------
    np.ndarray
        (n,) str objects.

    Raises
    ------
    InputError
        When a path leaves the root.
    """
    resolved: Array = paths.to_numpy()
    for start in range(0, len(paths), _CHUNK):
        stop = start + _CHUNK
        resolved[start:stop] = _resolve_some(paths.iloc[start:stop], start, manifest, root, allow_absolute)
    return resolved


def _resolve_some(paths: pd.Series, start: int, manifest: Path, root: Path, allow_absolute: bool) -> Array:
    large = pa.large_string()
    folder = root.as_posix().rstrip("/")
    texts = pa.array(paths, type=large)
    absolute = pc.match_substring_regex(texts, r"^(/|\\|~|[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]+:)")
    upward = pc.match_substring_regex(texts, r"(^|[/\\])\.\.([/\\]|$)")
    if not allow_absolute:
        suspicious = np.flatnonzero(pc.or_(absolute, upward).to_numpy(zero_copy_only=False))
        inside = np.fromiter((stays_inside(str(paths.iloc[i]), folder) for i in suspicious), bool, len(suspicious))
        outside = suspicious[~inside]
        if outside.size:
            where = "the manifest's folder" if root == manifest.resolve().parent else folder
            raise InputError(
                f"{manifest}: 'path' leads out of {where} in "
                f"{name_rows(outside[:3] + start, paths.iloc[outside[:3]], outside.size)}. Paths in a "
                "manifest count from its folder and stay inside it; name a folder that holds all images with "
                "--manifest-root."
            )
    joined = pc.binary_join_element_wise(pa.scalar(folder, large), texts, pa.scalar("/", large))
    out: Array = pc.if_else(absolute, texts, joined).to_numpy(zero_copy_only=False)
    irregular = np.flatnonzero(
        pc.match_substring_regex(texts, r"(^|/)\.{0,2}/|(^|/)\.\.?$").to_numpy(zero_copy_only=False)
    )
    for i in irregular:
        if not URI.match(out[i]):
            out[i] = os.path.normpath(out[i])
    return out
