"""Faults planted in a data set on purpose, to test the checks.

Each is a mistake that published data sets made. Faults of a training are in :mod:`aletheia.training.fault_injection`.
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
    """Save the original images of some faces once more as JPEG, and cut the faces out of those.

    With the fakes as rows it is the most common of all shortcuts: forgeries go through one more program than
    photographs do.

    Parameters
    ----------
    faces : DataFrame
        A manifest of extracted faces.
    rows : (n,) bool
        Mask of the faces to save again.
    folder : path
        Folder of the new images and crops; made when missing.
    quality : int
        Of the JPEG, 1 to 100.

    Returns
    -------
    DataFrame
        The manifest with their new paths and file properties.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    out = faces.copy()
    for position, face in zip(np.flatnonzero(rows), faces_of(faces[rows]), strict=True):
        row = faces.iloc[position]
        rgb = read_image(row["original"])
        data = resaved(rgb, quality)
        image = folder / f"{hashlib.sha256(data).hexdigest()[:24]}.jpg"
        image.write_bytes(data)
        size, margin, policy = int(row["crop_size"]), float(row["crop_margin"]), str(row["crop_policy"])
        crop = crop_face(read_image(data), face, size, margin, policy)
        crop_file = image.with_name(f"{image.stem}-{size}-{policy}.png")
        crop_file.write_bytes(resaved(crop, None))
        properties = probe_image(data)
        values = {"path": str(crop_file), "original": str(image)}
        values |= {name: getattr(properties, name) for name in DELIVERED}
        for name, value in values.items():
            out.iat[position, out.columns.get_loc(name)] = value
    return out


def shared_identities(faces: pd.DataFrame, count: int = 5) -> pd.DataFrame:
    """Move one face of some people from test to training, as a split by image instead of by person does."""
    test = faces[(faces["split"] == "test") & (faces["identity"] != "")]
    several = test[test.duplicated("identity", keep=False)].drop_duplicates("identity").head(count)
    if several.empty:
        raise InputError("No person has two faces in the test part; nothing can be leaked.")
    return faces.assign(split=faces["split"].mask(faces.index.isin(several.index), "train"))


def shared_duplicates(faces: pd.DataFrame, folder: str | Path, count: int = 10) -> pd.DataFrame:
    """Add copies of some test images, saved again under other names and for other people, to the training rows."""
    test = faces[faces["split"] == "test"].head(count).reset_index(drop=True)
    copies = saved_again(test, np.ones(len(test), bool), folder, 85)
    names = [f"stranger-{k}" for k in range(len(copies))]
    links = {name: "" for name in ("video", "pair", "sha256") if name in copies}
    copies = copies.assign(split="train", identity=names, **links)
    return pd.concat([faces, copies], ignore_index=True)


def swapped_labels(faces: pd.DataFrame, source: str) -> pd.DataFrame:
    """Swap real and fake in one source, as when a folder was unpacked under the wrong name."""
    in_source = faces["source"] == source
    if not in_source.any():
        raise InputError(f"There is no source {source!r}; there are {', '.join(sorted(set(faces['source'])))}.")
    swapped = faces["label"].map({"real": "fake", "fake": "real"})
    return faces.assign(
        label=faces["label"].mask(in_source, swapped),
        generator=faces["generator"]
        .mask(in_source & (swapped == "real"), "")
        .mask(in_source & (swapped == "fake"), "unknown"),
    )
