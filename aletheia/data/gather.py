"""The first step of every run: what to learn from, what to balance with, and the faces in both."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd

from aletheia.data.manifest import read_manifest
from aletheia.data.sources import load_pool, load_source
from aletheia.errors import InputError
from aletheia.project.workspace import data_folder

SYNTHETIC = "synthetic"


@dataclasses.dataclass(frozen=True)
class Gathered:
    """Manifests of the pictures to learn from and of the pool to balance with; what could not be read, and why."""

    main: pd.DataFrame
    pool: pd.DataFrame
    skipped: pd.DataFrame


def gather(
    source: str,
    *,
    manifest: str = "",
    ffhq: str = "",
    images: int = 1500,
    seed: int = 0,
    progress: bool = True,
) -> Gathered:
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
        from aletheia.data.synthetic.generate import generate

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
    return Gathered(main, pool, skipped)


def extract_all(data: Gathered, *, size: int, progress: bool = True) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Cut the faces out of all pictures.

    Returns
    -------
    tuple of DataFrame
        Faces to learn from, faces of the pool, and everything skipped since the gathering began (path, reason).

    Raises
    ------
    InputError
        When no face was left in one of the classes.
    """
    from aletheia.faces.extract import extract_faces

    both = pd.concat([data.main.assign(_pool=False), data.pool.assign(_pool=True)], ignore_index=True)
    found = extract_faces(both, data_folder() / "faces", size=size, progress=progress)
    from_pool = found.manifest["_pool"].astype(bool)
    faces = found.manifest.drop(columns="_pool")
    main, pool = faces[~from_pool].reset_index(drop=True), faces[from_pool].reset_index(drop=True)
    left = set(main.label)
    if left != {"real", "fake"}:
        raise InputError(
            f"Faces were found in {len(main)} of {len(data.main)} pictures, and only of the classes "
            f"{sorted(left) or 'none'}; both real and fake ones are needed."
        )
    return main, pool, pd.concat([data.skipped, found.skipped], ignore_index=True)
