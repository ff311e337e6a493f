"""Faults that are planted in a data set on purpose, to see the checks catch them: each is a mistake that published data
sets made. Those of a training are in :mod:`aletheia.training.fault_injection`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.faces.crop import crop_face
from aletheia.faces.extraction import faces_of
from aletheia.imaging.reading import DELIVERED, probe_image, read_image
from aletheia.imaging.transforms import resaved


def saved_again(faces: pd.DataFrame, rows: Array, folder: str | Path, quality: int = 60) -> pd.DataFrame:
    """Save the pictures of some faces once more as JPEG, and cut the faces out of those.

    With the fakes as rows it is the most common of all shortcuts: forgeries went through one more program than
    photographs did.

    Parameters
    ----------
    faces : DataFrame
        A manifest of extracted faces.
    rows : (n,) bool
        Which of them.
    folder : path
        Where the new pictures and crops go; made when missing.
    quality : int
        Of the JPEG, 1 to 100.

    Returns
    -------
    DataFrame
        The manifest with their new paths and columns of delivery.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    out = faces.copy()
    for place, face in zip(np.flatnonzero(rows), faces_of(faces[rows]), strict=True):
        row = faces.iloc[place]
        rgb = read_image(row["original"])
        data = resaved(rgb, quality)
        picture = folder / f"{hashlib.sha256(data).hexdigest()[:24]}.jpg"
        picture.write_bytes(data)
        size, margin, policy = int(row["crop_size"]), float(row["crop_margin"]), str(row["crop_policy"])
        crop = crop_face(read_image(data), face, size, margin, policy)
        cut = picture.with_name(f"{picture.stem}-{size}-{policy}.png")
        cut.write_bytes(resaved(crop, None))
        found = probe_image(data)
        values = {"path": str(cut), "original": str(picture)} | {name: getattr(found, name) for name in DELIVERED}
        for name, value in values.items():
            out.iat[place, out.columns.get_loc(name)] = value
    return out


def shared_identities(faces: pd.DataFrame, count: int = 5) -> pd.DataFrame:
    """Move one face of some people from test to training, the others stay: a split by picture, not by person."""
    test = faces[(faces["split"] == "test") & (faces["identity"] != "")]
    several = test[test.duplicated("identity", keep=False)].drop_duplicates("identity").head(count)
    if several.empty:
        raise InputError("No person has two faces in the test part; nothing can be leaked.")
    return faces.assign(split=faces["split"].mask(faces.index.isin(several.index), "train"))


def shared_duplicates(faces: pd.DataFrame, folder: str | Path, count: int = 10) -> pd.DataFrame:
    """Put copies of some test pictures, saved again under other names and for other people, among the training rows."""
    test = faces[faces["split"] == "test"].head(count).reset_index(drop=True)
    copies = saved_again(test, np.ones(len(test), bool), folder, 85)
    names = [f"stranger-{k}" for k in range(len(copies))]
    links = {name: "" for name in ("video", "pair", "sha256") if name in copies}
    copies = copies.assign(split="train", identity=names, **links)
    return pd.concat([faces, copies], ignore_index=True)


def swapped_labels(faces: pd.DataFrame, source: str) -> pd.DataFrame:
    """Real for fake and fake for real in one source, as when a folder was unpacked under the wrong name."""
    mine = faces["source"] == source
    if not mine.any():
        raise InputError(f"There is no source {source!r}; there are {', '.join(sorted(set(faces['source'])))}.")
    swapped = faces["label"].map({"real": "fake", "fake": "real"})
    return faces.assign(
        label=faces["label"].mask(mine, swapped),
        generator=faces["generator"].mask(mine & (swapped == "real"), "").mask(mine & (swapped == "fake"), "unknown"),
    )
