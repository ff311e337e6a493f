"""Mild re-encodings of a picture, which a verdict on its faces should survive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.faces.face import Face
from aletheia.imaging.transforms import as_resaved
from aletheia.models.preprocessing import network_input

if TYPE_CHECKING:
    from aletheia.models.spec import ModelSpec

#: JPEG quality of the first re-encoding, factor on the sides of the second.
QUALITY, SCALE = 90, 0.9
_GRID = 80  # pixels; blocks of a JPEG repeat every 16, steps of the scaling every 10


def reencoded_inputs(rgb: Array, face: Face, spec: ModelSpec) -> Array:
    """Cut a face out of two mild re-encodings of its picture, as input of a model's network.

    The picture is saved again, not the crop: a crop that is scaled and resized back to the network's size shows traces
    of up-sampling, as forgeries do. Only the surroundings of the face are processed.

    Parameters
    ----------
    rgb : (H, W, 3) uint8
        The picture.
    face : Face
        As it was detected in the picture.
    spec : ModelSpec
        The model.

    Returns
    -------
    (2, input_size, input_size, 3) uint8
        Of the picture as a JPEG of quality 90 (chroma 4:2:0), and of the picture scaled to 0.9 of its sides.
    """
    window, face = _surroundings(rgb, face, spec.crop.margin)
    height, width = window.shape[:2]
    scaled = cv2.resize(window, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA)
    scaled_face = _transformed(face, np.zeros(2), np.array([scaled.shape[1] / width, scaled.shape[0] / height]))
    versions = ((compressed(window), face), (scaled, scaled_face))
    return np.stack([network_input(picture, moved, spec) for picture, moved in versions])


def compressed(rgb: Array) -> Array:
    """Save a picture (H, W, 3) uint8 as a JPEG of quality `QUALITY` and decode it."""
    return as_resaved(rgb, QUALITY)


def _surroundings(rgb: Array, face: Face, margin: float) -> tuple[Array, Face]:
    """Return the part of the picture that a crop is taken from, and the face in it."""
    # Twice the half side: an aligned crop is a turned square, and not quite in the middle of the box.
    centre, reach = face.centre, face.size * (1 + 2 * margin)
    low = np.maximum(np.floor((centre - reach) / _GRID) * _GRID, 0).astype(int)
    high = (np.ceil((centre + reach) / _GRID) * _GRID).astype(int)
    return rgb[low[1] : high[1], low[0] : high[0]], _transformed(face, low, np.ones(2))


def _transformed(face: Face, origin: Array, factor: Array) -> Face:
    """Return the face in a picture that begins at `origin` (x, y) of this one and is scaled by `factor` (x, y)."""
    box, points = face.box.reshape(2, 2), face.keypoints
    return Face(((box - origin) * factor).reshape(4), (points - origin) * factor, face.score)
