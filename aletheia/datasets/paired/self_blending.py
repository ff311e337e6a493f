"""A data set made of genuine photographs alone: each beside a self-blended forgery of itself.

K. Shiohara, T. Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022. The masks come from the detector's
six keypoints. Both files of a pair are written alike (same size, same encoder), so that they differ in the face alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aletheia.core.arrays import Array
from aletheia.datasets.paired.genuine import Genuine
from aletheia.datasets.paired.measuring import find_face
from aletheia.datasets.paired.writing import Forged, Paired, write_paired
from aletheia.datasets.synthetic.forgeries import Landmarks, self_blended
from aletheia.faces.face import Face

GENERATOR = "self-blended"
MIN_SIZE = 48  # pixels a side of a face; a smaller one leaves no room for a seam


def landmarks_of(keypoints: Array) -> Landmarks:
    """Estimate the outline of the inner face from a detector's keypoints.

    Parameters
    ----------
    keypoints : (6, 2) ndarray
        Eyes, nose tip, mouth and ears, see :data:`aletheia.faces.face.KEYPOINTS`.

    Returns
    -------
    dict
        As :func:`aletheia.datasets.synthetic.forgeries.self_blended` takes it. Brows, jaw and chin are placed as
        in an average face, measured in distances of the eyes.
    """
    points = np.asarray(keypoints, np.float64)
    right, left, nose, mouth = points[:4]
    across = left - right
    middle = (right + left) / 2
    down = mouth - middle
    # In a profile the eyes draw together; the height of the face does not.
    across = across * max(1.0, 0.6 * np.hypot(*down) / max(float(np.hypot(*across)), 1e-6))
    return {
        "brows": np.array([middle - 0.35 * down + k * across for k in (-0.8, -0.3, 0.3, 0.8)]),
        "outline": np.array(
            [*points[4:5]] * 3
            + [mouth + 0.3 * down + k * across if k else mouth + 0.75 * down for k in (-0.55, 0, 0.55)]
            + [*points[5:6]] * 3
        ),
        "eyes": np.array([right, left]),
        "nose": nose[None],
        "mouth": mouth[None],
    }


def blend_face(rgb: Array, face: Face, rng: np.random.Generator) -> Array:
    """Blend a face of an image with a changed version of itself.

    Parameters
    ----------
    rgb : (H, W, 3) uint8
    face : Face
        Detected in it, at least 48 pixels a side.

    Returns
    -------
    (H, W, 3) uint8
        The same outside of a square of twice the face's size.
    """
    height, width = rgb.shape[:2]
    centre, half = face.centre, face.size
    x0, y0 = np.maximum(np.floor(centre - half), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(centre + half), (width, height)).astype(int)
    points = {name: place - (x0, y0) for name, place in landmarks_of(face.keypoints).items()}
    part = rgb[y0:y1, x0:x1].astype(np.float32)
    # The forgery's own lengths are those of a face of 128 pixels.
    blended = self_blended(part, points, rng, unit=face.size / 128)
    out = rgb.copy()
    out[y0:y1, x0:x1] = np.clip(np.round(blended), 0, 255).astype(np.uint8)
    return out


class _Blender:
    """Blends each picture's largest face with itself, see :class:`.writing.Forger`."""

    settings = GENERATOR

    def columns(self, picture: Genuine) -> dict[str, str]:
        return {"generator": GENERATOR, "pair": picture.name}

    def parent(self, picture: Genuine) -> None:
        return None

    def __call__(self, picture: Genuine, rgb: Array, rng: np.random.Generator) -> Forged:
        face = find_face(rgb, MIN_SIZE)
        return Forged(blend_face(rgb, face, rng), face.box)


def blend_folder(
    source: str | Path, out: str | Path, *, seed: int = 0, progress: bool = True, root: str | Path | None = None
) -> Paired:
    """Write every genuine picture beside a fake: its largest face blended with itself.

    Parameters
    ----------
    source, out, seed, progress, root
        See :func:`~aletheia.datasets.paired.writing.write_paired`. The same seed gives the same forgeries, whatever the
        other images are.

    Raises
    ------
    InputError
        As `write_paired`.
    """
    blender = _Blender()
    return write_paired(source, out, lambda listed, _: (blender, listed, ()), seed=seed, progress=progress, root=root)
