"""From a folder, a manifest or both to a checked manifest, with the properties of every file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from aletheia.core.errors import InputError
from aletheia.core.paths import check_is_local
from aletheia.core.settings import get_settings
from aletheia.core.wording import counted
from aletheia.datasets.examination import examine_files, without_duplicates
from aletheia.datasets.grouping import with_grouping
from aletheia.datasets.layouts.registry import EXPECTED, GENERAL, describe_tree
from aletheia.datasets.layouts.tree import Tree, list_media, real_roots
from aletheia.datasets.manifest import read_manifest, validate_manifest
from aletheia.datasets.schema import LABELS, name_rows
from aletheia.imaging.reading import ImageProperties


@dataclass(frozen=True)
class Ingested:
    """The usable files of a source, and the others.

    Attributes
    ----------
    manifest : pd.DataFrame
        One row a readable image or video, all columns of the manifest and ``sha256`` of the file.
    skipped : pd.DataFrame
        ``path`` and ``reason`` of every file left out.
    notes : tuple of str
        What was read in another way than it stands there, and what was guessed, one sentence each.
    """

    manifest: pd.DataFrame
    skipped: pd.DataFrame
    notes: tuple[str, ...] = ()


def load_source(
    source: str | Path,
    *,
    manifest: str | Path | None = None,
    workers: int | None = None,
    progress: bool = True,
    allow_absolute: bool = False,
    link_roots: Sequence[str] = (),
    manifest_root: str | Path | None = None,
    guess_videos: bool = True,
    one_class: bool = False,
) -> Ingested:
    """Read a data set of real and fake faces.

    Parameters
    ----------
    source
        A folder (see :mod:`aletheia.datasets.layouts`) or a manifest, CSV or parquet.
    manifest
        With a folder: a manifest with the labels and further columns of its files. Its paths count from its own
        folder; only rows under ``source`` are taken, and files it does not name are skipped.
    workers
        Threads that read images; by default ``ALETHEIA_WORKERS``. (Decoders run outside Python's lock, so
        threads keep the cores as busy as processes would, without their start-up.)
    progress
        Show a progress bar.
    allow_absolute
        Trust the manifest's paths (:func:`aletheia.datasets.manifest.read_manifest`) and follow links to files.
    link_roots
        Folders that links of the source may lead to, as those of DVC and Hugging Face do into a cache; links that lead
        elsewhere are left out. When given, links to folders are followed.
    manifest_root
        Folder that the manifest's paths count from, and stay in; by default its own.
    guess_videos
        Take numbered pictures that resemble their neighbours for frames of one video
        (:mod:`aletheia.datasets.grouping`), where no video or identity is known.
    one_class
        Accept a source of one label only: enough to measure false alarms, or misses, and not to learn from.

    Returns
    -------
    Ingested
        Files of the same bytes are taken once, the first by order of the source; when their labels disagree,
        none is taken. Properties and hashes are always read from the files, whatever the manifest says.

    Raises
    ------
    InputError
        When the source is missing or empty, one class is missing, the manifest does not fit, or names missing files.
    """
    found = _rows(Path(source), manifest, allow_absolute, link_roots, manifest_root, pool=False)
    ingested = _examine_all(found, workers, progress)
    grouped, guesses = with_grouping(
        ingested.manifest,
        found.folder,
        stated=found.stated,
        guess=guess_videos,
        workers=workers or get_settings().workers,
        progress=progress,
    )
    ingested = Ingested(grouped, ingested.skipped, (*ingested.notes, *guesses))
    counts = ingested.manifest["label"].value_counts()
    for label in () if one_class else LABELS:
        if label not in counts:
            other = LABELS[1 - LABELS.index(label)]
            skipped_text = _first_skipped(ingested.skipped)
            raise InputError(
                f"{source}: only {other} images were found ({counts.get(other, 0):,}){skipped_text}. "
                f"Both classes are needed: add {label} images. {EXPECTED}."
            )
    return ingested


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
        As in :func:`load_source`.
    pool
        Whether it is a pool of genuine faces (:func:`load_pool`), which may lie in a folder as they please.

    Raises
    ------
    InputError
        When the source is missing or empty, or a manifest does not fit or names missing files.
    """
    return _rows(Path(source), manifest or None, False, link_roots, manifest_root or None, pool=pool).rows


def load_pool(
    folder: str | Path,
    *,
    source: str = "ffhq",
    manifest: str | Path | None = None,
    workers: int | None = None,
    progress: bool = True,
    allow_absolute: bool = False,
    link_roots: Sequence[str] = (),
) -> Ingested:
    """Read a pool of genuine faces for balancing: every image under the folder is real.

    Parameters
    ----------
    folder
        A folder of images, or a manifest all of whose rows are real.
    source
        Name of the pool, for rows that have no source yet.
    manifest, workers, progress, allow_absolute, link_roots
        As in :func:`load_source`.

    Raises
    ------
    InputError
        When the folder is missing or holds no readable image, or a manifest's row is fake.
    """
    found = _rows(Path(folder), manifest, allow_absolute, link_roots, None, pool=True)
    rows = found.rows
    rows["source"] = np.where(rows["source"] == "", source, rows["source"])
    fakes = np.flatnonzero(rows["label"] == "fake")
    if fakes.size:
        named = name_rows(fakes[:3], rows["path"].iloc[fakes[:3]], fakes.size)
        raise InputError(f"{folder}: a balancing pool is real throughout, but {named} are fake. Remove them.")
    return _examine_all(found, workers, progress)


def _first_skipped(skipped: pd.DataFrame) -> str:
    """Count the skipped files and quote the first of each reason: the missing class may be among them."""
    if skipped.empty:
        return ""
    firsts = skipped.drop_duplicates("reason").head(3)
    reasons = "; ".join(f"{path} {reason}" for path, reason in zip(firsts["path"], firsts["reason"], strict=True))
    return f"; {counted(len(skipped), 'file was', 'files were')} skipped ({reasons})"


class _Found(NamedTuple):
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


def _rows(
    source: Path,
    manifest: str | Path | None,
    allow_absolute: bool,
    link_roots: Sequence[str],
    manifest_root: str | Path | None,
    *,
    pool: bool,
) -> _Found:
    """Build the manifest without opening an image."""
    check_is_local(source)
    if manifest is not None:
        check_is_local(manifest)
    if source.is_file():
        if manifest is not None:
            raise InputError(f"{source} is a file: a second manifest goes with a folder only.")
        rows, notes = _read_manifest(source, allow_absolute, manifest_root)
        base = Path(manifest_root or source.parent)
        roots = None if allow_absolute else real_roots(base, link_roots)
        validate_manifest(rows, check_files=True)
        return _Found(rows, [], roots, base.resolve().as_posix(), True, notes)
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
        found = _Found(pd.DataFrame(), skipped, roots, folder, True, [])
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
    return _Found(validate_manifest(rows), skipped, roots, folder, False, notes)


def _stated(
    source: Path,
    manifest: str | Path,
    read: tuple[pd.DataFrame, list[str]],
    files: list[str],
    found: _Found,
) -> _Found:
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


def _examine_all(found: _Found, workers: int | None, progress: bool) -> Ingested:
    rows = found.rows
    paths = rows["path"].tolist()
    results = list(examine_files(paths, found.roots, workers or get_settings().workers, progress))
    kept, duplicates = without_duplicates(paths, rows["label"].tolist(), results)
    skipped = [*found.skipped, *duplicates]
    if not kept:
        reasons = "; ".join(f"{path}: {reason}" for path, reason in skipped[:3])
        raise InputError(f"Of {counted(len(paths), 'image')} none can be used. The first reasons: {reasons}.")
    manifest = rows.iloc[kept].reset_index(drop=True)
    for name in ImageProperties.__slots__:
        manifest[name] = [getattr(results[i].properties, name) for i in kept]
    manifest["phash"] = np.array([results[i].phash for i in kept], dtype=np.uint64)
    manifest["sha256"] = [results[i].sha256 for i in kept]
    return Ingested(validate_manifest(manifest), pd.DataFrame(skipped, columns=["path", "reason"]), tuple(found.notes))
