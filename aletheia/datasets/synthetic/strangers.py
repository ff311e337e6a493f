"""Drawn pictures of people that no other drawn data set holds: new faces for a retraining to learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aletheia.datasets.manifest import read_manifest, write_manifest
from aletheia.datasets.synthetic.generate import generate_dataset

_NAMES = ("identity", "video")


def draw_strangers(folder: str | Path, n: int = 120, seed: int = 100, *, progress: bool = True) -> Path:
    """Draw pictures of people under names of their own, and list them in a manifest.

    Data sets of other seeds give their people the same numbers; here the seed stands before them.

    Parameters
    ----------
    folder : path
        Where the pictures and ``strangers.parquet`` are written; drawn once only.
    n : int
        Pictures, 50 or more, of some ten a person.
    seed : int
        Another one than that of the data they are to be added to.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Path
        Of the manifest.

    Raises
    ------
    InputError
        When the folder cannot be written.
    """
    rows = read_manifest(generate_dataset(folder, n=n, pool=1, seed=seed, progress=progress))
    for name in _NAMES:
        rows[name] = np.where(rows[name] == "", "", f"stranger-{seed}-" + rows[name].astype(str))
    rows["pair"] = ["|".join(f"stranger-{seed}-{one}" for one in pair.split("|") if one) for pair in rows["pair"]]
    return write_manifest(rows, Path(folder) / "strangers.parquet")
