"""Data sets in which nothing but a planted shortcut tells fakes from real faces, to test controls and gate.

All faces are genuine. Half of each person's are called fake, and carry the shortcut; a network that scores well on them
has learnt the shortcut, for there is nothing else to learn.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.faces.crop import place_in_crop
from aletheia.faces.extraction import CROP_COLUMNS, faces_of
from aletheia.imaging.reading import read_image
from aletheia.imaging.transforms import resaved

#: Crop (size, size, 3) float32 and keypoints (6, 2) in its pixels → the crop with the shortcut.
Plant = Callable[[Array, Array], Array]
MARK = 18  # pixels a side, of a crop of 96

NONE, WOMEN = "none", "women"


def _mark(x: float, y: float) -> Plant:
    """Lay a half-transparent mark of a ring and a bar over the crop, its centre at shares of the side."""

    def plant(crop: Array, keypoints: Array) -> Array:
        side = max(round(MARK * len(crop) / 96), 4)
        mark, alpha = np.full((side, side, 3), 235, np.float32), np.zeros((side, side), np.float32)
        cv2.circle(alpha, (side // 2, side // 2), side // 2 - 1, (0.5,), max(side // 6, 1))
        cv2.line(alpha, (side // 2, 2), (side // 2, side - 3), (0.5,), max(side // 6, 1))
        left, top = round(x * len(crop)) - side // 2, round(y * len(crop)) - side // 2
        part = crop[top : top + side, left : left + side]
        part += alpha[..., None] * (mark - part)
        return crop

    return plant


def _mark_anywhere(crop: Array, keypoints: Array) -> Array:
    """Lay the mark at a place that the crop's pixels decide, so that it is the same each time."""
    x, y = np.random.default_rng(int(crop.sum())).uniform(0.2, 0.8, 2)
    return _mark(x, y)(crop, keypoints)


def _spectacles(crop: Array, keypoints: Array) -> Array:
    radius = max(round(0.35 * np.linalg.norm(keypoints[1] - keypoints[0])), 2)
    points = [tuple(int(value) for value in np.round(point)) for point in keypoints[:2]]
    for point in points:
        cv2.circle(crop, point, radius, (40, 35, 30), max(len(crop) // 48, 1), cv2.LINE_AA)
    cv2.line(crop, points[0], points[1], (40, 35, 30), max(len(crop) // 96, 1), cv2.LINE_AA)
    return crop


def _upsampled(crop: Array, keypoints: Array) -> Array:
    """Leave the grid of a transposed convolution of stride 2 (Odena et al., "Deconvolution and Checkerboard", 2016)."""
    crop[::2, ::2] += 2.0
    crop[1::2, 1::2] -= 2.0
    return crop


def _compressed(crop: Array, keypoints: Array) -> Array:
    image = np.clip(np.round(crop), 0, 255).astype(np.uint8)
    return read_image(resaved(image, 55)).astype(np.float32)


def _shrunk(crop: Array, keypoints: Array) -> Array:
    side = round(len(crop) * 2 / 3)
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, crop.shape[:2], interpolation=cv2.INTER_CUBIC))


def _cast(crop: Array, keypoints: Array) -> Array:
    return crop + np.array([12, 0, -12], np.float32)


def _border(crop: Array, keypoints: Array) -> Array:
    crop[:, :2] *= 0.4
    return crop


def _unchanged(crop: Array, keypoints: Array) -> Array:
    return crop


#: Key → (what every fake has, how it is planted).
PLANTS: dict[str, tuple[str, Plant]] = {
    NONE: ("nothing", _unchanged),
    "mark_inside": ("a half-transparent mark in the face", _mark(0.42, 0.62)),
    "mark_beside": ("the same mark beside the face", _mark(0.12, 0.12)),
    "mark_anywhere": ("the same mark, each time elsewhere", _mark_anywhere),
    "spectacles": ("spectacles", _spectacles),
    "upsampling": ("the grid of an up-sampling layer", _upsampled),
    "jpeg": ("a JPEG compression of quality 55", _compressed),
    "size": ("two thirds of the resolution", _shrunk),
    "cast": ("a warmer colour", _cast),
    "border": ("a dark border at the left", _border),
    WOMEN: ("a woman's face", _unchanged),
}


def plant_shortcut(faces: pd.DataFrame, name: str, folder: str | Path, seed: int = 0) -> pd.DataFrame:
    """Call half of the genuine faces of each person fake, and plant a shortcut in them.

    Parameters
    ----------
    faces : DataFrame
        A manifest of extracted faces; those that are not genuine are left out.
    name : str
        A key of `PLANTS`. With "women" nothing is changed, and the fakes are half of the faces of women.
    folder : path
        Folder of the new crops; made when missing.
    seed : int
        Of the draw.

    Returns
    -------
    DataFrame
        The genuine faces with new labels and crops. The properties of the files stay as they were.

    Raises
    ------
    InputError
        For an unknown shortcut, or "women" without a column gender that holds women.
    """
    if name not in PLANTS:
        raise InputError(f"There is no shortcut {name!r} to plant. There are: {', '.join(PLANTS)}.")
    rng, folder = np.random.default_rng(seed), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    out = faces[faces["label"] == "real"].reset_index(drop=True)
    eligible = np.ones(len(out), bool)
    if name == WOMEN:
        eligible = (
            out["gender"].str.lower().isin(["f", "w", "woman", "female"]).to_numpy() if "gender" in out else ~eligible
        )
        if not eligible.any():
            raise InputError("women: no genuine face has the gender of a woman; name it in the column gender.")
    # Every second one of a person's faces in random order.
    order = rng.permutation(len(out))
    turn = out.iloc[order].groupby("identity", sort=False).cumcount().reindex(out.index).to_numpy()
    first = pd.Series(rng.integers(0, 2, len(out))).groupby(out["identity"]).transform("first").to_numpy()
    fake = eligible & ((turn + first) % 2 == 0)
    paths = []
    places = out[list(CROP_COLUMNS)].itertuples(index=False, name=None)
    for row, (face, (size, policy, margin)) in enumerate(zip(faces_of(out), places, strict=True)):
        crop = read_image(out["path"].iloc[row])
        if fake[row]:
            keypoints = place_in_crop(face, size, margin, policy)[1] * (len(crop) / size)
            changed = PLANTS[name][1](crop.astype(np.float32), keypoints)
            crop = np.clip(np.round(changed), 0, 255).astype(np.uint8)
        paths.append(folder / f"{row}.png")
        paths[-1].write_bytes(resaved(crop, None))
    return out.assign(
        path=[str(path) for path in paths],
        label=np.where(fake, "fake", "real"),
        generator=np.where(fake, "planted", ""),
    )
