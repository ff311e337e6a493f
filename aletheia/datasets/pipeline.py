"""The first step of every run: what to learn from, what to balance with, and the faces in both."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd

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
    """Manifests of the pictures to learn from and of the pool to balance with; what could not be read, and why."""

    main: pd.DataFrame
    pool: pd.DataFrame
    skipped: pd.DataFrame


def load_dataset(
    source: str,
    *,
    manifest: str = "",
    ffhq: str = "",
    images: int = 1500,
    seed: int = 0,
    progress: bool = True,
) -> Dataset:
    """Read a source of labelled pictures and a pool of genuine ones.

    Parameters
    ----------
    source : str
        ``"synthetic"``, a folder with ``real/`` and ``fake/``, or a manifest (CSV, parquet).
    manifest : str
        A CSV with what is known of the files in ``source``; empty: none.
    ffhq : str
        A folder of genuine faces; empty: none, or for ``"synthetic"`` the pool that it generates.
    images : int
        Pictures that ``"synthetic"`` generates (the pool comes on top, a third as many).
    seed : int
        Seed of the generated pictures.

    Raises
    ------
    InputError
        When there is nothing to learn from; the message says what was found and what is expected.
    """
    if source == SYNTHETIC:
        from aletheia.datasets.synthetic.generate import generate

        folder = data_folder() / f"synthetic-{images}-{seed}"
        path = Path(generate(folder, n=images, pool=max(images // 3, 1), seed=seed, progress=progress))
        main, pool = read_manifest(path), read_manifest(path.with_name("pool.parquet"))
        skipped = pd.DataFrame(columns=["path", "reason"])
    elif not source:
        raise InputError('No source was named. Give "synthetic", a folder with real/ and fake/, or a manifest.')
    else:
        found = load_source(source, manifest=manifest or None, progress=progress)
        main, skipped, pool = found.manifest, found.skipped, found.manifest.iloc[:0]
    if ffhq:
        extra = load_pool(ffhq, progress=progress)
        pool = extra.manifest
        skipped = pd.concat([skipped, extra.skipped], ignore_index=True)
    return Dataset(main, pool, skipped)


@dataclasses.dataclass(frozen=True)
class Faces:
    """What came of :func:`extract_dataset_faces`.

    Attributes
    ----------
    main, pool : DataFrame
        Faces to learn from and faces to balance with, see :class:`~aletheia.faces.extraction.Extracted`.
    skipped : DataFrame
        Everything left out since the gathering began (path, reason).
    results : dict
        Files, faces, files left out and by which kind of reason, what was done before, and throughput.
    """

    main: pd.DataFrame
    pool: pd.DataFrame
    skipped: pd.DataFrame
    results: dict[str, Any]


def extract_dataset_faces(
    data: Dataset, cutting: CropConfig, *, workers: int = 0, client: Any = None, progress: bool = True
) -> Faces:
    """Cut the faces out of all pictures and videos.

    Parameters
    ----------
    data : Gathered
    cutting : Cutting
        How faces are found and cut out.
    workers : int
        Processes; 0: the setting ``ALETHEIA_WORKERS``.
    client : distributed.Client, optional
        A Dask cluster to spread the work over.

    Raises
    ------
    InputError
        When no face was left in one of the classes.
    """
    both = pd.concat([data.main.assign(_pool=False), data.pool.assign(_pool=True)], ignore_index=True)
    found = extract_faces(
        both, data_folder() / "faces", cutting, workers=workers or None, client=client, progress=progress
    )
    from_pool = found.manifest["_pool"].astype(bool)
    faces = found.manifest.drop(columns="_pool")
    main, pool = faces[~from_pool].reset_index(drop=True), faces[from_pool].reset_index(drop=True)
    left = set(main.label)
    if left != {"real", "fake"}:
        raise InputError(
            f"Faces were found in {len(main)} of {len(data.main)} pictures, and only of the classes "
            f"{sorted(left) or 'none'}; both real and fake ones are needed."
        )
    skipped = pd.concat([data.skipped, found.skipped], ignore_index=True)
    fresh = len(both) - found.resumed
    results = {
        "files": len(both) + len(data.skipped),
        "faces": len(faces),
        "skipped": len(skipped),
        "skipped_because": reason_kinds(skipped["reason"]).value_counts().to_dict(),
        "resumed": found.resumed,
        "seconds": found.seconds,
        "files_per_second": fresh / found.seconds if fresh else None,
        "found_by": found.stages,
    }
    return Faces(main, pool, skipped, results)
