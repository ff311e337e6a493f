"""From a folder, a manifest or both to a checked manifest, with the properties of every file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.core.wording import counted
from aletheia.datasets.examination import examine_files, without_duplicates
from aletheia.datasets.grouping import with_grouping
from aletheia.datasets.layouts.registry import EXPECTED
from aletheia.datasets.listing import Listed, list_rows
from aletheia.datasets.manifest import validate_manifest
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
    client: Any = None,
) -> Ingested:
    """Read a data set of real and fake faces.

    Parameters
    ----------
    source
        A folder (see :mod:`aletheia.datasets.layouts`) or a manifest, CSV or parquet; also in a bucket (``s3://…``).
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
    client : distributed.Client, optional
        A Dask cluster that reads the images instead of threads, see
        :func:`aletheia.datasets.examination.examine_files`.

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
    found = list_rows(Path(source), manifest, allow_absolute, link_roots, manifest_root, pool=False)
    ingested = _examine_all(found, workers, progress, client)
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


def load_pool(
    folder: str | Path,
    *,
    source: str = "ffhq",
    manifest: str | Path | None = None,
    workers: int | None = None,
    progress: bool = True,
    allow_absolute: bool = False,
    link_roots: Sequence[str] = (),
    client: Any = None,
) -> Ingested:
    """Read a pool of genuine faces for balancing: every image under the folder is real.

    Parameters
    ----------
    folder
        A folder of images, or a manifest all of whose rows are real.
    source
        Name of the pool, for rows that have no source yet.
    manifest, workers, progress, allow_absolute, link_roots, client
        As in :func:`load_source`.

    Raises
    ------
    InputError
        When the folder is missing or holds no readable image, or a manifest's row is fake.
    """
    found = list_rows(Path(folder), manifest, allow_absolute, link_roots, None, pool=True)
    rows = found.rows
    rows["source"] = np.where(rows["source"] == "", source, rows["source"])
    fakes = np.flatnonzero(rows["label"] == "fake")
    if fakes.size:
        named = name_rows(fakes[:3], rows["path"].iloc[fakes[:3]], fakes.size)
        raise InputError(f"{folder}: a balancing pool is real throughout, but {named} are fake. Remove them.")
    return _examine_all(found, workers, progress, client)


def _first_skipped(skipped: pd.DataFrame) -> str:
    """Count the skipped files and quote the first of each reason: the missing class may be among them."""
    if skipped.empty:
        return ""
    firsts = skipped.drop_duplicates("reason").head(3)
    reasons = "; ".join(f"{path} {reason}" for path, reason in zip(firsts["path"], firsts["reason"], strict=True))
    return f"; {counted(len(skipped), 'file was', 'files were')} skipped ({reasons})"


def _examine_all(found: Listed, workers: int | None, progress: bool, client: Any) -> Ingested:
    rows = found.rows
    paths = rows["path"].tolist()
    results = list(examine_files(paths, found.roots, workers or get_settings().workers, progress, client))
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
