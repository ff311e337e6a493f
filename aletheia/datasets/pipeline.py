"""The first step of every run: the files to learn from, the pool to balance with, and the faces in both."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from aletheia.core.buckets.addresses import Address
from aletheia.core.errors import InputError
from aletheia.core.paths import data_folder
from aletheia.datasets.ingest import load_pool, load_source
from aletheia.datasets.manifest import read_manifest
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.extraction import extract_faces
from aletheia.plotting.contact_sheet import reason_kinds

SYNTHETIC = "synthetic"


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Files of a source.

    Attributes
    ----------
    main, pool : DataFrame
        Manifests of the files to learn from, and of the genuine ones to balance with.
    skipped : DataFrame
        Columns ``path`` and ``reason`` of the files that cannot be used.
    notes : tuple of str
        What was read in another way than it stands there, and what was guessed.
    """

    main: pd.DataFrame
    pool: pd.DataFrame
    skipped: pd.DataFrame
    notes: tuple[str, ...] = ()


def load_dataset(
    source: str,
    *,
    manifest: str = "",
    real_pool: str = "",
    n_synthetic: int = 1500,
    link_roots: Sequence[str] = (),
    manifest_root: str = "",
    guess_videos: bool = True,
    one_class: bool = False,
    seed: int = 0,
    client: Any = None,
    progress: bool = True,
) -> Dataset:
    """Read a source of labelled images and videos, and a pool of genuine ones.

    Parameters
    ----------
    source : str
        ``"synthetic"``, a folder with ``real/`` and ``fake/``, or a manifest (CSV, parquet).
    manifest : str
        A CSV with labels and further columns of the files in ``source``; empty: none.
    real_pool : str
        A folder of genuine faces; empty: none, or for ``"synthetic"`` the pool that it generates.
    n_synthetic : int
        Images that ``"synthetic"`` generates (the pool comes on top, a third as many).
    link_roots, manifest_root, guess_videos, one_class
        As :func:`aletheia.datasets.ingest.load_source`.
    seed : int
        Seed of the generated images.
    client : distributed.Client, optional
        A Dask cluster that reads the files, as :func:`aletheia.datasets.ingest.load_source`.

    Raises
    ------
    InputError
        When the source holds no usable files; the message names its content and the expected layouts.
    """
    notes: tuple[str, ...] = ()
    if source == SYNTHETIC:
        from aletheia.datasets.synthetic.generate import generate_dataset

        folder = data_folder() / f"synthetic-{n_synthetic}-{seed}"
        path = Path(
            generate_dataset(folder, n=n_synthetic, pool=max(n_synthetic // 3, 1), seed=seed, progress=progress)
        )
        main, pool = read_manifest(path), read_manifest(path.with_name("pool.parquet"))
        skipped = pd.DataFrame(columns=["path", "reason"])
    elif not source:
        raise InputError('No source was named. Give "synthetic", a folder with real/ and fake/, or a manifest.')
    else:
        options: dict[str, Any] = {"link_roots": link_roots, "guess_videos": guess_videos, "progress": progress}
        options["client"] = client
        ingested = load_source(
            source, manifest=manifest or None, manifest_root=manifest_root or None, one_class=one_class, **options
        )
        main, skipped, pool = ingested.manifest, ingested.skipped, ingested.manifest.iloc[:0]
        notes = ingested.notes
    if real_pool:
        extra = load_pool(real_pool, link_roots=link_roots, client=client, progress=progress)
        notes = (*notes, *extra.notes)
        pool = extra.manifest
        skipped = pd.concat([skipped, extra.skipped], ignore_index=True)
    if progress:
        for note in notes:
            print(note, file=sys.stderr)
    return Dataset(main, pool, skipped, notes)


@dataclasses.dataclass(frozen=True)
class Faces:
    """Result of :func:`extract_dataset_faces`.

    Attributes
    ----------
    main, pool : DataFrame
        Faces to learn from and faces to balance with, see :class:`~aletheia.faces.extraction.Extracted`.
    skipped : DataFrame
        All files and faces left out, of the data set and of the extraction (path, reason).
    results : dict
        Files, faces, files left out and by which kind of reason, files finished before, and throughput.
    """

    main: pd.DataFrame
    pool: pd.DataFrame
    skipped: pd.DataFrame
    results: dict[str, Any]


def extract_dataset_faces(
    data: Dataset,
    config: CropConfig,
    *,
    largest: float = 0.0,
    workers: int = 0,
    client: Any = None,
    send_to: Address | None = None,
    one_class: bool = False,
    progress: bool = True,
) -> Faces:
    """Cut the faces out of all images and videos.

    Parameters
    ----------
    data : Dataset
    config : CropConfig
        How faces are detected and cut out.
    largest : float
        A face of more pixels a side is first shrunk to these, as :func:`aletheia.faces.extraction.extract_faces`.
    workers : int
        Processes; 0: the setting ``ALETHEIA_WORKERS``.
    client : distributed.Client, optional
        A Dask cluster to spread the work over.
    send_to : Address, optional
        Folder of a bucket for the crops of a cluster, see :func:`aletheia.faces.extraction.extract_faces`.
    one_class : bool
        Accept faces of one class only.

    Raises
    ------
    InputError
        When no face was left in one of the classes.
    """
    both = pd.concat([data.main.assign(_pool=False), data.pool.assign(_pool=True)], ignore_index=True)
    options: dict[str, Any] = {"workers": workers or None, "client": client, "send_to": send_to, "progress": progress}
    extracted = extract_faces(both, data_folder() / "faces", config, largest=largest, **options)
    from_pool = extracted.manifest["_pool"].astype(bool)
    faces = extracted.manifest.drop(columns="_pool")
    main, pool = faces[~from_pool].reset_index(drop=True), faces[from_pool].reset_index(drop=True)
    classes = set(main.label)
    if classes != {"real", "fake"} and not (one_class and classes):
        raise InputError(
            f"Faces were found in {len(main)} of {len(data.main)} files, and only of the classes "
            f"{sorted(classes) or 'none'}; both real and fake ones are needed."
        )
    skipped = pd.concat([data.skipped, extracted.skipped], ignore_index=True)
    n_new = len(both) - extracted.resumed
    results = {
        "files": len(both) + len(data.skipped),
        "faces": len(faces),
        "skipped": len(skipped),
        "skipped_because": reason_kinds(skipped["reason"]).value_counts().to_dict(),
        "resumed": extracted.resumed,
        "seconds": extracted.seconds,
        "files_per_second": n_new / extracted.seconds if n_new else None,
        "found_by": extracted.stages,
        "notes": list(data.notes),
    }
    return Faces(main, pool, skipped, results)
