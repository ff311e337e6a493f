"""From a folder, a manifest or both to a checked manifest, with the properties of every file."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.datasets.layouts import EXPECTED, describe_files, is_inside, list_media
from aletheia.datasets.manifest import read_manifest, validate_manifest
from aletheia.datasets.schema import LABELS, name_rows
from aletheia.imaging.media_types import is_video
from aletheia.imaging.reading import ImageProperties, UnreadableImageError, examine_image
from aletheia.imaging.video import UnreadableVideoError
from aletheia.imaging.video_properties import examine_video

_BATCH = 2048


@dataclass(frozen=True)
class Ingested:
    """The usable files of a source, and the others.

    Attributes
    ----------
    manifest : pd.DataFrame
        One row a readable image or video, all columns of the manifest and ``sha256`` of the file.
    skipped : pd.DataFrame
        ``path`` and ``reason`` of every file left out.
    """

    manifest: pd.DataFrame
    skipped: pd.DataFrame


def load_source(
    source: str | Path,
    *,
    manifest: str | Path | None = None,
    workers: int | None = None,
    progress: bool = True,
    allow_absolute: bool = False,
) -> Ingested:
    """Read a data set of real and fake faces.

    Parameters
    ----------
    source
        A folder (see :mod:`aletheia.datasets.layouts`) or a manifest, CSV or parquet.
    manifest
        With a folder: a manifest with the labels and further columns of its files. Its paths are relative to its own
        folder; only rows under ``source`` are taken, and files it does not name are skipped.
    workers
        Threads that read images; by default ``ALETHEIA_WORKERS``. (Decoders run outside Python's lock, so
        threads keep the cores as busy as processes would, without their start-up.)
    progress
        Show a progress bar.
    allow_absolute
        Trust the manifest's paths (:func:`aletheia.datasets.manifest.read_manifest`) and follow links.

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
    rows, skipped, root = _rows(Path(source), manifest, allow_absolute, pool=False)
    ingested = _examine_all(rows, skipped, root, workers, progress)
    counts = ingested.manifest["label"].value_counts()
    for label in LABELS:
        if label not in counts:
            other = LABELS[1 - LABELS.index(label)]
            skipped_text = _first_skipped(ingested.skipped)
            raise InputError(
                f"{source}: only {other} images were found ({counts.get(other, 0):,}){skipped_text}. "
                f"Both classes are needed: add {label} images. {EXPECTED}."
            )
    return ingested


def load_pool(
    folder: str | Path,
    *,
    source: str = "ffhq",
    manifest: str | Path | None = None,
    workers: int | None = None,
    progress: bool = True,
    allow_absolute: bool = False,
) -> Ingested:
    """Read a pool of genuine faces for balancing: every image under the folder is real.

    Parameters
    ----------
    folder
        A folder of images, or a manifest all of whose rows are real.
    source
        Name of the pool, for rows that have no source yet.
    manifest, workers, progress, allow_absolute
        As in :func:`load_source`.

    Raises
    ------
    InputError
        When the folder is missing or holds no readable image, or a manifest's row is fake.
    """
    rows, skipped, root = _rows(Path(folder), manifest, allow_absolute, pool=True)
    rows["source"] = np.where(rows["source"] == "", source, rows["source"])
    fakes = np.flatnonzero(rows["label"] == "fake")
    if fakes.size:
        named = name_rows(fakes[:3], rows["path"].iloc[fakes[:3]], fakes.size)
        raise InputError(f"{folder}: a balancing pool is real throughout, but {named} are fake. Remove them.")
    return _examine_all(rows, skipped, root, workers, progress)


def _first_skipped(skipped: pd.DataFrame) -> str:
    """Count the skipped files and quote the first of each reason: the missing class may be among them."""
    if skipped.empty:
        return ""
    firsts = skipped.drop_duplicates("reason").head(3)
    reasons = "; ".join(f"{path} {reason}" for path, reason in zip(firsts["path"], firsts["reason"], strict=True))
    return f"; {len(skipped):,} files were skipped ({reasons})"


def _rows(
    source: Path, manifest: str | Path | None, allow_absolute: bool, *, pool: bool
) -> tuple[pd.DataFrame, list[tuple[str, str]], str | None]:
    """Build the manifest without opening an image.

    Returns
    -------
    tuple
        The rows, the files skipped already (path, reason), and the folder that no link may leave (None: any may).
    """
    if source.is_file():
        if manifest is not None:
            raise InputError(f"{source} is a file: a second manifest goes with a folder only.")
        rows = read_manifest(source, allow_absolute=allow_absolute)
        validate_manifest(rows, check_files=True)
        return rows, [], None if allow_absolute else os.path.realpath(source.parent)
    if not source.is_dir():
        expected = "A balancing pool is a folder of genuine faces, or a manifest of them" if pool else EXPECTED
        raise InputError(f"{source}: there is no such folder or manifest. {expected}.")
    files, skipped = list_media(source)
    if not files:
        raise InputError(f"{source}: the folder holds no images or videos ({len(skipped)} other files). {EXPECTED}.")
    folder = source.resolve().as_posix().rstrip("/")
    if manifest is None and pool:
        rows = pd.DataFrame({"path": files, "label": "real"})
    elif manifest is None:
        described, unplaced = describe_files(source, files)
        skipped += [(f"{folder}/{file}", "lies outside the folders that say what it is") for file in unplaced]
        rows = pd.DataFrame(described)
    else:
        stated = read_manifest(manifest, allow_absolute=allow_absolute)
        rows = stated[stated["path"].str.startswith(folder + "/")]
        if rows.empty:
            raise InputError(
                f"{manifest}: none of its {len(stated):,} rows lies under {source}. Its first path stands for "
                f"{stated['path'].iloc[0]!r}: paths count from the manifest's own folder."
            )
        named = set(rows["path"])
        skipped += [
            (f"{folder}/{file}", f"is not named in {Path(manifest).name}")
            for file in files
            if f"{folder}/{file}" not in named
        ]
        return validate_manifest(rows, check_files=True), skipped, folder
    rows["path"] = [f"{folder}/{file}" for file in rows["path"]]
    return validate_manifest(rows), skipped, folder


class _Examined(NamedTuple):
    """Properties of a file, or the reason why it cannot be used."""

    properties: ImageProperties | None = None
    phash: int = 0
    sha256: str = ""
    reason: str = ""


def _examine_all(
    rows: pd.DataFrame, skipped: list[tuple[str, str]], root: str | None, workers: int | None, progress: bool
) -> Ingested:
    paths = rows["path"].tolist()
    results = list(_examine(paths, root, workers or get_settings().workers, progress))
    kept, duplicates = _without_duplicates(paths, rows["label"].tolist(), results)
    skipped = [*skipped, *duplicates]
    if not kept:
        reasons = "; ".join(f"{path}: {reason}" for path, reason in skipped[:3])
        raise InputError(f"None of the {len(paths):,} images can be used. The first reasons: {reasons}.")
    manifest = rows.iloc[kept].reset_index(drop=True)
    for name in ImageProperties.__slots__:
        manifest[name] = [getattr(results[i].properties, name) for i in kept]
    manifest["phash"] = np.array([results[i].phash for i in kept], dtype=np.uint64)
    manifest["sha256"] = [results[i].sha256 for i in kept]
    return Ingested(validate_manifest(manifest), pd.DataFrame(skipped, columns=["path", "reason"]))


def _without_duplicates(
    paths: list[str], labels: list[str], results: list[_Examined]
) -> tuple[list[int], list[tuple[str, str]]]:
    """Take files of the same bytes once, and none of them when their labels disagree.

    Returns
    -------
    tuple
        Positions of the files to keep, and the others (path, reason).
    """
    first: dict[str, int] = {}
    conflicting: set[int] = set()
    skipped: list[tuple[str, str]] = []
    for i, result in enumerate(results):
        if result.reason:
            skipped.append((paths[i], result.reason))
        elif (twin := first.setdefault(result.sha256, i)) == i:
            continue
        elif labels[twin] == labels[i]:
            skipped.append((paths[i], f"has the same bytes as {paths[twin]}"))
        else:
            conflicting.add(twin)
            skipped.append((paths[i], f"has the same bytes as {paths[twin]}, but another label: neither is used"))
    for i in sorted(conflicting):
        skipped.append((paths[i], "has the same bytes as a file of the other label: neither is used"))
    return [i for i in first.values() if i not in conflicting], skipped


def _examine(paths: list[str], root: str | None, workers: int, progress: bool) -> Iterator[_Examined]:
    """Examine the files side by side; results in order."""
    real_root = None if root is None else os.path.realpath(root)

    def examine(path: str) -> _Examined:
        if real_root is not None and not is_inside(path, real_root):
            return _Examined(reason="is a link that leads out of the folder")
        try:
            return _Examined(*(examine_video(path) if is_video(path) else examine_image(path)))
        except (UnreadableImageError, UnreadableVideoError) as error:
            return _Examined(reason=error.reason)

    executor = ThreadPoolExecutor(workers)
    try:
        with tqdm(total=len(paths), desc="Reading images", unit="image", disable=not progress) as bar:
            # In batches: a queue of a million waiting calls would take more memory than the images.
            for start in range(0, math.ceil(len(paths) / _BATCH) * _BATCH, _BATCH):
                for result in executor.map(examine, paths[start : start + _BATCH]):
                    bar.update()
                    yield result
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
