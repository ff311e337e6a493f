"""Cutting a detected face out of an image, as a square of fixed size."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.faces.crop_config import MIN_SIZE, CropConfig
from aletheia.faces.face import Face

_USE_SCALE = "Use the face policy 'scale'."
_MAX_SIDE = 32_767  # of an image that OpenCV warps
_MAX_PADDED = 4096  # side of a square that is mirrored at the edge; a larger one is shrunk first

# Places of eyes, nose and mouth in BlazeFace's box (fractions of its side), of an upright frontal face: the
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
        Detected in ``rgb``.
    size : int
        Pixels a side of the crop.
    margin : float
        Added on each side of the box, as a share of its side, 0..2.
    policy : str
        ``scale``: the square around the box, scaled alike in both directions; where it reaches over the
        image's edge, the image is mirrored. ``tight``: only pixels of the image: the rectangle is cut at
        the edge and stretched to a square. ``aligned``: turned, moved and scaled (Umeyama, TPAMI 1991) so that
        eyes, nose and mouth come to lie as in an upright frontal face; mirrored at the edge.

    Returns
    -------
    (size, size, 3) uint8

    Raises
    ------
    CropError
        For a face that lies outside of the image, or, to be aligned, has its keypoints in one place.
    InputError
        For settings that :class:`~aletheia.faces.crop_config.CropConfig` refuses.
    """
    CropConfig(size=size, margin=margin, policy=policy).check_policy()
    if policy == "aligned":
        return _align(rgb, face, size, margin)
    height, width = rgb.shape[:2]
    centre, half = face.centre, face.size * (0.5 + margin)
    x0, y0 = np.floor(centre - half + 0.5).astype(int)
    x1, y1 = x0 + max(round(2 * half), 1), y0 + max(round(2 * half), 1)
    part = rgb[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    if 0 in part.shape:
        raise CropError(f"its box {np.round(face.box).tolist()} lies outside of the image ({width} x {height})")
    # Mirroring leaves no bars: a black bar would tell the networks where faces were cut, not whether they are fake.
    border = (max(-y0, 0), max(y1 - height, 0), max(-x0, 0), max(x1 - width, 0))
    return resize_crop(_mirror(part, border) if policy == "scale" and any(border) else part, size)


def crop_shrunk(rgb: Array, face: Face, config: CropConfig, largest: float = 0.0) -> Array:
    """Cut out one face; one larger than `largest` is first shrunk to that side, so that it is no sharper.

    Parameters
    ----------
    rgb : (H, W, 3) uint8
    face : Face
        Detected in ``rgb``.
    config : CropConfig
        Its size, margin and policy count.
    largest : float
        Side in pixels of the largest face whose sharpness is to be kept; 0: of every face.

    Returns
    -------
    (size, size, 3) uint8

    Raises
    ------
    CropError
        As :func:`crop_face`.
    """
    size, margin, policy = config.size, config.margin, config.policy
    if is_shrunk(face.size, largest):
        return resize_crop(crop_face(rgb, face, shrunk_side(largest, margin), margin, policy), size)
    return crop_face(rgb, face, size, margin, policy)


def is_shrunk(side: float, largest: float) -> bool:
    """Whether a face of `side` pixels is larger than the `largest` one whose sharpness is kept; 0: of every face."""
    return bool(largest) and side > largest


def shrunk_side(largest: float, margin: float) -> int:
    """Return the side in pixels of the crop, margins included, to which a larger face is shrunk."""
    return max(round(largest * (1 + 2 * margin)), MIN_SIZE)


def place_in_crop(face: Face, size: int, margin: float, policy: str) -> tuple[Array, Array]:
    """Map a face's box (4,) and keypoints (6, 2) to pixels of its crop.

    A rectangle that ``tight`` cut at the image's edge counts as whole.
    """
    edge = size * margin / (1 + 2 * margin)
    box = np.array([edge, edge, size - edge, size - edge])
    if policy == "aligned":
        matrix = alignment(face.keypoints, size, margin)
        return box, face.keypoints @ matrix[:, :2].T + matrix[:, 2]
    centre = face.centre
    return box, (face.keypoints - centre) / (face.size * (1 + 2 * margin)) * size + size / 2


def alignment(keypoints: Array, size: int, margin: float) -> Array:
    """Fit the similarity transform, (2, 3) float64, from image to crop pixels, in the least-squares sense.

    Both count from the outer edge of the first pixel, so that an image's width is its right edge.

    ``keypoints`` is (6, 2) as in :class:`Face`; its first four points (eyes, nose, mouth) count, the eyes
    double: nose and mouth move with the turn of the head, the eyes hardly. Points in one place, or placed as in no
    face, raise CropError.
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


def _align(rgb: Array, face: Face, size: int, margin: float) -> Array:
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
    (x0, x1), (y0, y1) = _source_ranges(matrix, size, rgb)
    rgb = rgb[y0:y1, x0:x1]
    matrix[:, 2] += matrix[:, :2] @ (x0, y0)
    return cv2.warpAffine(rgb, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def _source_ranges(matrix: Array, size: int, rgb: Array) -> list[tuple[int, int]]:
    """Find the columns and rows, each from and to, of an image that a warp by `matrix` (2, 3) reads.

    Pixels beyond the edge are mirrored from within. OpenCV takes no image of 32,768 pixels a side; the part that is
    needed of one is far smaller, unless the face lies far outside of it, which raises CropError.
    """
    corners = np.array([(0, 0), (size, 0), (0, size), (size, size)]) - 0.5
    in_image = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    ranges = []
    # Two more on each side: the neighbours that are interpolated, and OpenCV's own rounding.
    for low, high, length in zip(
        np.floor(in_image.min(0)) - 2, np.ceil(in_image.max(0)) + 3, rgb.shape[1::-1], strict=True
    ):
        start, end = max(min(low, 2 * length - high - 1), 0), min(max(high, 1 - low), length)
        if end - start >= _MAX_SIDE:
            raise CropError("its keypoints lie far outside of the image")
        ranges.append((int(start), int(end)))
    return ranges


def _mirror(part: Array, border: Sequence[int]) -> Array:
    """Mirror an image's part outwards by `border` pixels above, below, left and right; a large result is shrunk."""
    height, width = part.shape[:2]
    mode = cv2.BORDER_REFLECT_101 if min(height, width) > 1 else cv2.BORDER_REPLICATE
    factor = -(-max(height + sum(border[:2]), width + sum(border[2:])) // _MAX_PADDED)
    if factor > 1:
        small = (max(round(width / factor), 1), max(round(height / factor), 1))
        part, mode = cv2.resize(part, small, interpolation=cv2.INTER_AREA), cv2.BORDER_REFLECT
        border = [round(pixels / factor) for pixels in border]
    above, below, left, right = border
    return cv2.copyMakeBorder(part, above, below, left, right, mode)


def resize_crop(part: Array, size: int) -> Array:
    """Resize a part (H, W, 3) uint8 of an image to a square: by areas when it shrinks, else by cubic interpolation."""
    if part.shape[:2] == (size, size):
        return np.ascontiguousarray(part)
    shrinks = max(part.shape[:2]) > size
    return cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
