"""Regions of a face, as masks that are drawn from its landmarks: the inner face, eyes, nose, mouth."""

from __future__ import annotations

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.faces.mesh import LEFT_BROW, LEFT_EYE, LIPS, NOSE, OVAL, RIGHT_BROW, RIGHT_EYE

#: The parts that are swapped: name → groups of landmarks, the hull of each a piece of the mask.
PARTS: dict[str, tuple[tuple[int, ...], ...]] = {
    "eyes": (RIGHT_EYE + RIGHT_BROW[:5], LEFT_EYE + LEFT_BROW[:5]),
    "nose": (NOSE,),
    "mouth": (LIPS,),
}
#: How far the mask reaches beyond the hull, as a share of the distance of the eyes.
_MARGIN = {"eyes": 0.10, "nose": 0.05, "mouth": 0.14}
_NOSE_TIP, _CHEEKS, _LIPS_INSIDE = 1, (234, 454), (13, 14)
_JAW = OVAL[8:29]  # from one ear by the chin to the other
#: Landmarks that hardly depend on the expression: by them faces are compared and chosen for each other.
SHAPE = tuple(
    sorted({*_JAW[::2], *RIGHT_EYE[::4], *LEFT_EYE[::4], *RIGHT_BROW[::3], *LEFT_BROW[::3], *NOSE[::3], *LIPS[::5]})
)


def eye_distance(points: Array) -> float:
    """Measure the distance in pixels of the centres of the eyes of a mesh (468, 2)."""
    return float(np.hypot(*(points[list(LEFT_EYE)].mean(axis=0) - points[list(RIGHT_EYE)].mean(axis=0))))


def symmetry(points: Array) -> float:
    """Measure how far a face looks to the side: 1 from the front, 0 where the nose covers a cheek, below in a profile.

    The distances of the nose's tip from both cheeks along the line of the eyes, the smaller to the larger.
    """
    right, left = (points[list(eye)].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE))
    along = points[[_NOSE_TIP, *_CHEEKS]] @ (left - right)
    sides = along[0] - along[1], along[2] - along[0]
    return float(min(sides) / max(*sides, 1e-6))


def part_mask(shape: tuple[int, ...], points: Array, part: str) -> Array:
    """Draw the mask of a part.

    Parameters
    ----------
    shape : tuple of int
        Height and width come first.
    points : (468, 2)
        Landmarks, see :class:`~aletheia.faces.mesh.FaceMesh`.
    part : str
        A key of :data:`PARTS`.

    Returns
    -------
    (H, W) bool
    """
    mask = np.zeros(shape[:2], np.uint8)
    for group in PARTS[part]:
        _fill_hull(mask, points[list(group)])
    reach = max(round(_MARGIN[part] * _height(points)), 1)
    return np.asarray(cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)) > 0)


def inner_face_mask(shape: tuple[int, ...], points: Array, share: float = 0.9) -> Array:
    """Draw the mask of the inner face, from the brows to the chin, (H, W) bool.

    Parameters
    ----------
    shape : tuple of int
        Height and width come first.
    points : (468, 2)
        Landmarks.
    share : float
        Width of the mask, in that of the face: the outline itself belongs to hair and background as often as not.
    """
    brows = points[list(RIGHT_BROW[5:] + LEFT_BROW[5:])]
    # A little above the brows, by half of their distance from the eyes, and less towards their ends, where hair begins.
    rise = np.tile([0.5, 0.5, 0.4, 0.2, 0.0], 2)[:, None]
    above = brows + rise * (brows.mean(axis=0) - points[list(RIGHT_EYE + LEFT_EYE)].mean(axis=0))
    hull = np.concatenate([above, points[list(_JAW)]])
    centre = hull.mean(axis=0)
    inner, face = np.zeros((2, *shape[:2]), np.uint8)
    _fill_hull(inner, centre + share * (hull - centre))
    # Where a face looks to the side, the brows' end lies on its outline.
    oval = points[list(OVAL)]
    _fill_hull(face, oval.mean(axis=0) + share * (oval - oval.mean(axis=0)))
    return np.asarray((inner > 0) & (face > 0))


def mouth_opening(points: Array) -> float:
    """Measure the gap between the lips, in distances of the eyes as seen from the front."""
    return float(np.hypot(*(points[_LIPS_INSIDE[0]] - points[_LIPS_INSIDE[1]]))) / max(_height(points), 1e-6)


def _height(points: Array) -> float:
    """Size of the face that a turn of the head does not shorten: the larger of eye distance and eyes to mouth."""
    eyes = points[list(RIGHT_EYE + LEFT_EYE)].mean(axis=0)
    return max(eye_distance(points), 0.9 * float(np.hypot(*(points[list(LIPS)].mean(axis=0) - eyes))))


def _fill_hull(mask: Array, points: Array) -> None:
    hull = cv2.convexHull(np.round((points - 0.5) * 8).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, (1.0,), cv2.LINE_8, shift=3)
