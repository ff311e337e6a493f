"""Fakes made of the genuine pictures of each fold alone, for recipes of `benchmarks.left_out` that learn from them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.manifest import read_manifest
from aletheia.datasets.paired.reconstruction import reconstruct_faces
from aletheia.datasets.paired.self_blending import blend_folder
from aletheia.datasets.paired.swapping import swap_faces, swap_parts
from aletheia.datasets.paired.writing import Paired
from aletheia.datasets.schema import as_text
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.extraction import extract_faces
from aletheia.imaging.reading import read_image

MOST = 80  # genuine pictures of a fold that fakes are made of, drawn at random
#: Longest side in pixels that they are shrunk to first: of what a network draws into a megapixel nothing is left in a
#: face of 64 pixels.
LONGEST = 320
#: Of each autoencoder: four folds of ten networks each are trained, so fewer than by default.
STEPS = 150
KINDS: dict[str, Callable[..., Paired]] = {
    "self-blend": blend_folder,
    "part-swap": swap_parts,
    "face-swap": swap_faces,
    "reconstruct": functools.partial(reconstruct_faces, steps=STEPS),
}


def name_people(table: pd.DataFrame, root: Path) -> pd.DataFrame:
    """Give every genuine picture whose person is not known a person of its own.

    So what is made of a picture, or of a part of it, names it in `pair`, and groups connect the two.
    """
    table = table.copy()
    identity = as_text(table["identity"]) if "identity" in table else np.full(len(table), "", dtype=object)
    own = np.array([Path(os.path.relpath(path, root)).as_posix() for path in table["path"]], dtype=object)
    table["identity"] = np.where((identity == "") & ~fake_flags(table), own, identity)
    return table


def make_pairs(table: pd.DataFrame, fold: Array, n_folds: int, root: Path, work: Path) -> pd.DataFrame:
    """Make fakes of the genuine pictures of each fold but the last; an interrupted call continues.

    Each fold is a call of its own for each kind: its networks are trained, and its donors chosen, among its own
    pictures. So nothing of a fold goes into what is made of another one. Pictures are shrunk (`LONGEST`) before.

    Parameters
    ----------
    table : DataFrame
        Manifest with absolute paths, people named (`name_people`).
    fold : (n,) int
        Of each row; -1 for none.
    n_folds : int
        The last plays abroad, and nothing is made of it.
    root : path
        Folder that holds all pictures.
    work : path
        Gets a folder a fold, and in it one a kind.

    Returns
    -------
    DataFrame
        Manifest of genuine pictures and fakes, with columns `kind`, `born` (the fold) and `couple` (the number of a
        genuine picture and its fake).

    Raises
    ------
    InputError
        When a fold has no genuine picture with a face.
    """
    made = []
    genuine = ~fake_flags(table)
    for k in range(n_folds - 1):
        folder = work / f"fold-{k}"
        folder.mkdir(parents=True, exist_ok=True)
        rows = table[genuine & (fold == k)]
        rows = _shrink(rows.sample(min(MOST, len(rows)), random_state=k).sort_index(), root, folder)
        rows.to_csv(folder / "genuine.csv", index=False)
        for kind, make in KINDS.items():
            manifest = read_manifest(make(folder / "genuine.csv", folder / kind).manifest)
            couple = f"{k}-{kind}-" + pd.Series(np.arange(len(manifest)) // 2).astype(str)
            made.append(manifest.assign(kind=kind, born=k, couple=couple.to_numpy()))
    return pd.concat(made, ignore_index=True)


def _shrink(rows: pd.DataFrame, root: Path, folder: Path) -> pd.DataFrame:
    """Write copies of pictures, of at most `LONGEST` pixels a side; return the rows with their relative paths."""
    paths = []
    for path in rows["path"]:
        copy = Path("genuine", Path(os.path.relpath(path, root)).with_suffix(".png"))
        paths.append(copy.as_posix())
        if (folder / copy).exists():
            continue
        rgb = np.ascontiguousarray(read_image(path))
        factor = LONGEST / max(rgb.shape[:2])
        if factor < 1:
            size = (max(round(rgb.shape[1] * factor), 1), max(round(rgb.shape[0] * factor), 1))
            rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        (folder / copy).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rgb).save(folder / copy)
    return rows.assign(path=paths)


def cut_pairs(pairs: pd.DataFrame, crops: Path, config: CropConfig) -> pd.DataFrame:
    """Cut out the largest face of every picture; couples of which one face is not found are left out.

    Raises
    ------
    InputError
        When no couple is left.
    """
    # Kind by kind: a picture is the same file in each, and of equal crops an extraction keeps one.
    kinds = [part for _, part in pairs.groupby("kind", sort=False)]
    found = pd.concat([extract_faces(part, crops, config, progress=False).manifest for part in kinds])
    found = found[found["face_index"] == 0]
    found = found[found.groupby("couple")["path"].transform("size") == 2].reset_index(drop=True)
    if found.empty:
        raise InputError("No genuine picture and its fake both show a face: nothing can be learnt from pairs.")
    return found
