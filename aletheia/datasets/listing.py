"""The rows of a folder or manifest, before any of its files is opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from aletheia.core.errors import InputError
from aletheia.core.paths import check_is_local
from aletheia.core.wording import counted
from aletheia.datasets.bucket_sources import fetch_rows, fetch_source
from aletheia.datasets.layouts.registry import EXPECTED, GENERAL, describe_tree
from aletheia.datasets.layouts.tree import Tree, list_media, real_roots
from aletheia.datasets.manifest import read_manifest, validate_manifest


def list_source(
    source: str | Path,
    *,
    manifest: str | Path | None = None,
    link_roots: Sequence[str] = (),
    manifest_root: str | Path | None = None,
    pool: bool = False,
) -> pd.DataFrame:
    """Return the rows of a source, or of a pool, before any of its files is opened.

    Parameters
    ----------
    source, manifest, link_roots, manifest_root
        As in :func:`aletheia.datasets.ingest.load_source`.
    pool
        Whether it is a pool of genuine faces (:func:`aletheia.datasets.ingest.load_pool`), which may lie in a folder
        as they please.

    Raises
    ------
    InputError
        When the source is missing or empty, or a manifest does not fit or names missing files.
    """
    return list_rows(Path(source), manifest or None, False, link_roots, manifest_root or None, pool=pool).rows


class Listed(NamedTuple):
    """Rows of a source before any image is opened.

    Attributes
    ----------
    rows : DataFrame
    skipped : list of (str, str)
        Path and reason.
    roots : list of str or None
        Real paths of the folders that links must not leave; None: they may lead anywhere.
    folder : str
        The data set's folder.
    stated : bool
        Whether a manifest, not a layout, described the rows.
    notes : list of str
    """

    rows: pd.DataFrame
    skipped: list[tuple[str, str]]
    roots: list[str] | None
    folder: str
    stated: bool
    notes: list[str]


def list_rows(
    source: Path,
    manifest: str | Path | None,
    allow_absolute: bool,
    link_roots: Sequence[str],
    manifest_root: str | Path | None,
    *,
    pool: bool,
) -> Listed:
    """List a source, or a pool, as :func:`list_source` does, with what is known of it besides."""
    named = source
    source, manifest, manifest_root = fetch_source(source, manifest, manifest_root)
    check_is_local(source)
    if manifest is not None:
        check_is_local(manifest)
    if source.is_file():
        if manifest is not None:
            raise InputError(f"{source} is a file: a second manifest goes with a folder only.")
        rows, notes = _read_manifest(source, allow_absolute, manifest_root)
        base = Path(manifest_root or source.parent)
        roots = None if allow_absolute else real_roots(base, link_roots)
        fetch_rows(named, rows["path"])
        validate_manifest(rows, check_files=True)
        return Listed(rows, [], roots, base.resolve().as_posix(), True, notes)
    if not source.is_dir():
        expected = "A balancing pool is a folder of genuine faces, or a manifest of them" if pool else EXPECTED
        raise InputError(f"{source}: there is no such folder or manifest. {expected}.")
    roots = real_roots(source, link_roots)
    files, skipped = list_media(source, roots if link_roots else None)
    if not files:
        raise InputError(
            f"{source}: the folder holds no images or videos ({len(skipped)} other files{_links(skipped)}). {EXPECTED}."
        )
    folder = source.resolve().as_posix().rstrip("/")
    if manifest is not None:
        found = Listed(pd.DataFrame(), skipped, roots, folder, True, [])
        return _stated(source, manifest, _read_manifest(manifest, allow_absolute, manifest_root), files, found)
    notes = list[str]()
    if pool:
        rows = pd.DataFrame({"path": files, "label": "real"})
    else:
        tree = Tree(source, files, roots)
        described = describe_tree(tree)
        lists = {str(source / name) for name in tree.used}
        skipped = [(path, reason) for path, reason in skipped if path not in lists]
        skipped += [(f"{folder}/{file}", "lies outside the folders that say what it is") for file in described.unplaced]
        rows = pd.DataFrame(described.rows)
        if described.layout != GENERAL:
            read = f", with {', '.join(sorted(tree.used)[:4])}" if tree.used else ""
            notes.append(f"The folder was read in the layout {described.layout!r}{read}.")
        notes += tree.notes
    rows["path"] = [f"{folder}/{file}" for file in rows["path"]]
    return Listed(validate_manifest(rows), skipped, roots, folder, False, notes)


def _stated(
    source: Path,
    manifest: str | Path,
    read: tuple[pd.DataFrame, list[str]],
    files: list[str],
    found: Listed,
) -> Listed:
    """Take the rows of a manifest that lie under the source, and skip the files that it does not name."""
    folder = found.folder
    stated, notes = read
    rows = stated[stated["path"].str.startswith(folder + "/")]
    if rows.empty:
        raise InputError(
            f"{manifest}: of {counted(len(stated), 'row')} none lies under {source}. Its first path stands for "
            f"{stated['path'].iloc[0]!r}: paths count from the manifest's own folder, or from --manifest-root."
        )
    named = set(rows["path"])
    unnamed = [f"{folder}/{file}" for file in files if f"{folder}/{file}" not in named]
    skipped = [*found.skipped, *((path, f"is not named in {Path(manifest).name}") for path in unnamed)]
    return found._replace(rows=validate_manifest(rows, check_files=True), skipped=skipped, notes=notes)


def _read_manifest(path: str | Path, allow_absolute: bool, root: str | Path | None) -> tuple[pd.DataFrame, list[str]]:
    rows = read_manifest(path, root=root or None, allow_absolute=allow_absolute)
    return rows, [f"{Path(path).name}: {note}" for note in rows.attrs.pop("notes", ())]


def _links(skipped: list[tuple[str, str]]) -> str:
    """Quote the first link that was not followed: the whole data set may lie behind it."""
    return next((f"; {path} {reason}" for path, reason in skipped if "is a link" in reason), "")
