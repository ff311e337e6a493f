"""Cut a detected face out of a picture, as a square of fixed size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.faces.detector import Face

if TYPE_CHECKING:
    pass

POLICIES = ("scale", "tight", "aligned")
_USE_SCALE = "Use the face policy 'scale'."
_MAX_SIZE, _MAX_MARGIN = 4096, 2.0
_MAX_SIDE = 32_767  # of a picture that OpenCV warps
_MAX_PADDED = 4096  # side of a square that is mirrored at the rim; a larger one is shrunk first

# Where eyes, nose and mouth lie in BlazeFace's box (fractions of its side), of an upright frontal face: the
# medians over 150 portraits, made symmetric.
_TEMPLATE = np.array([(0.30, 0.335), (0.70, 0.335), (0.50, 0.586), (0.50, 0.769)], np.float32)


class CropError(InputError):
    """A face that cannot be cut out; ``reason`` says why."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"The face cannot be cut out: {reason}." + (f" {remedy}" if remedy else ""))
        self.reason = reason


def crop_face(rgb: Array, face: Face, size: int, margin: float = 0.2, policy: str = "scale") -> Array:
    """Cut out one face.

    Parameters
    ----------
    rgb : (H, W, 3) uint8
    face : Face
        As :class:`~aletheia.faces.detector.BlazeFace` found it in ``rgb``.
    size : int
        Pixels a side of the crop.
    margin : float
        What is added on each side of the box, as a share of its side, 0..2.
    policy : str
        ``scale``: the square around the box, scaled alike in both directions; where it reaches over the
        picture's rim, the picture is mirrored. ``tight``: only what the picture has: the rectangle is cut at
        the rim and stretched to a square. ``aligned``: turned, moved and scaled (Umeyama, TPAMI 1991) so that
        eyes, nose and mouth come to lie as in an upright frontal face; mirrored at the rim.

    Returns
    -------
    (size, size, 3) uint8

    Raises
    ------
    NoCrop
        For a face that misses the picture, or, to be aligned, has its keypoints in one place.
    InputError
        For settings that :func:`check_cut` refuses.
    """
    check_cut(size, margin, policy)
    if policy == "aligned":
        return _aligned(rgb, face, size, margin)
    height, width = rgb.shape[:2]
    centre, half = face.centre, face.size * (0.5 + margin)
    x0, y0 = np.floor(centre - half + 0.5).astype(int)
    x1, y1 = x0 + max(round(2 * half), 1), y0 + max(round(2 * half), 1)
    part = rgb[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    if 0 in part.shape:
        raise CropError(f"its box {np.round(face.box).tolist()} lies outside of the picture ({width} x {height})")
    # Mirroring leaves no bars: a black bar would tell the networks where faces were cut, not whether they are fake.
    border = (max(-y0, 0), max(y1 - height, 0), max(-x0, 0), max(x1 - width, 0))
    return _resized(_mirrored(part, border) if policy == "scale" and any(border) else part, size)


def check_cut(size: int, margin: float, policy: str) -> None:
    """Refuse, by InputError, an unknown policy, a size outside of 8 to 4096 pixels and a margin outside of 0 to 2."""
    if policy not in POLICIES:
        raise InputError(f"There is no face policy {policy!r}; choose one of {', '.join(POLICIES)}.")
    if not 8 <= size <= _MAX_SIZE:
        raise InputError(f"The crop size is {size} pixels; choose 8 to {_MAX_SIZE}.")
    if not 0 <= margin <= _MAX_MARGIN:
        raise InputError(f"The face margin is {margin}; choose 0 to {_MAX_MARGIN:g} (a share of the box on each side).")


def place_in_crop(face: Face, size: int, margin: float, policy: str) -> tuple[Array, Array]:
    """Where a face came to lie in its crop: box (4,) and keypoints (6, 2), in pixels of the crop.

    A rectangle that ``tight`` cut at the picture's rim counts as whole.
    """
    edge = size * margin / (1 + 2 * margin)
    box = np.array([edge, edge, size - edge, size - edge])
    if policy == "aligned":
        matrix = alignment(face.keypoints, size, margin)
        return box, face.keypoints @ matrix[:, :2].T + matrix[:, 2]
    centre = face.centre
    return box, (face.keypoints - centre) / (face.size * (1 + 2 * margin)) * size + size / 2


def alignment(keypoints: Array, size: int, margin: float) -> Array:
    """The similarity transform, (2, 3) float64, from picture to crop pixels, in the least-squares sense.

    Both count from the outer edge of the first pixel, so that a picture's width is its right edge.

    ``keypoints`` is (6, 2) as in :class:`Face`; its first four points (eyes, nose, mouth) count, the eyes
    double: nose and mouth wander with the turn of the head, the eyes hardly. Points in one place, or
    as in no face, raise NoCrop.
    """
    source = np.asarray(keypoints, np.float64)[:4]
    target = (_TEMPLATE.astype(np.float64) + margin) / (1 + 2 * margin) * size
    weights = np.array([2.0, 2.0, 1.0, 1.0]) / 6
    # As complex numbers a similarity is z -> a z + b, and its least-squares fit a weighted linear regression.
    z, w = source @ (1, 1j), target @ (1, 1j)
    mean_z, mean_w = weights @ z, weights @ w
    spread = float(weights @ np.abs(z - mean_z) ** 2)
    if spread < 1e-9:
        raise CropError("its keypoints coincide, so that it cannot be aligned", _USE_SCALE)
    a = (weights @ (np.conj(z - mean_z) * (w - mean_w))) / spread
    if abs(a) < 1e-9:  # as when they are mirrored
        raise CropError("its keypoints lie as those of no face, so that it cannot be aligned", _USE_SCALE)
    b = mean_w - a * mean_z
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def _aligned(rgb: Array, face: Face, size: int, margin: float) -> Array:
    matrix = alignment(face.keypoints, size, margin)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:
        # Bilinear samples farther apart than two pixels alias: shrink by areas first.
        height, width = rgb.shape[:2]
        small = (max(round(width * 2 * scale), 1), max(round(height * 2 * scale), 1))
        factor = np.array([small[0] / width, small[1] / height])
        rgb = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA)
        matrix = matrix.copy()
        matrix[:, :2] /= factor
    matrix = matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # from edges to centres of pixels
    (x0, x1), (y0, y1) = _needed(matrix, size, rgb)
    rgb = rgb[y0:y1, x0:x1]
    matrix[:, 2] += matrix[:, :2] @ (x0, y0)
    return cv2.warpAffine(rgb, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def _needed(matrix: Array, size: int, rgb: Array) -> list[tuple[int, int]]:
    """Columns and rows, each from and to, of a picture that a warp by `matrix` (2, 3) looks at.

    What lies beyond the rim is mirrored from within. OpenCV takes no picture of 32,768 pixels a side; what is needed
    of one is far less, unless that lies far outside of it, which raises NoCrop.
    """
    corners = np.array([(0, 0), (size, 0), (0, size), (size, size)]) - 0.5
    there = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    ranges = []
    # Two more on each side: the neighbours that are interpolated, and OpenCV's own rounding.
    for low, high, length in zip(np.floor(there.min(0)) - 2, np.ceil(there.max(0)) + 3, rgb.shape[1::-1], strict=True):
        start, end = max(min(low, 2 * length - high - 1), 0), min(max(high, 1 - low), length)
        if end - start >= _MAX_SIDE:
            raise CropError("its keypoints lie far outside of the picture")
        ranges.append((int(start), int(end)))
    return ranges


def _mirrored(part: Array, border: Sequence[int]) -> Array:
    """A part of a picture with so many pixels mirrored above, below, left and right of it; shrunk if that is large."""
    height, width = part.shape[:2]
    mode = cv2.BORDER_REFLECT_101 if min(height, width) > 1 else cv2.BORDER_REPLICATE
    factor = -(-max(height + sum(border[:2]), width + sum(border[2:])) // _MAX_PADDED)
    if factor > 1:
        small = (max(round(width / factor), 1), max(round(height / factor), 1))
        part, mode = cv2.resize(part, small, interpolation=cv2.INTER_AREA), cv2.BORDER_REFLECT
        border = [round(pixels / factor) for pixels in border]
    return cv2.copyMakeBorder(part, *border, mode)


def _resized(part: Array, size: int) -> Array:
    if part.shape[:2] == (size, size):
        return np.ascontiguousarray(part)
    shrinks = max(part.shape[:2]) > size
    return cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
