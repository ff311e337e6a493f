"""The two BlazeFace networks that mediapipe carries in its wheel, run without mediapipe.

What happens before and after the network (a picture fitted into a square, anchors, the merging of finds) follows
Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", CVPR Workshops 2019, with
mediapipe's published constants; the tests compare with mediapipe itself.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.util
from pathlib import Path

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.openvino import Network

KEYPOINTS = (
    "right_eye",
    "left_eye",
    "nose_tip",
    "mouth",
    "right_ear",
    "left_ear",
)  # right is the person's right

MERGE_IOU = 0.3


@dataclasses.dataclass(frozen=True, eq=False)
class Face:
    """One detected face, in pixels of the picture that was handed in (x to the right, y down, origin top
    left).

    Attributes
    ----------
    box : (4,) float32
        x0, y0, x1, y1: a square, roughly from the brows to the chin and from ear to ear. May reach over the
        rim.
    keypoints : (6, 2) float32
        :data:`KEYPOINTS` in this order.
    score : float
        Confidence of the network, 0..1.
    """

    box: Array
    keypoints: Array
    score: float

    @property
    def centre(self) -> Array:
        """Centre (x, y) of the box, (2,) float32, pixels."""
        return (self.box[:2] + self.box[2:]) / 2

    @property
    def size(self) -> float:
        """Longer side of the box in pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))


@dataclasses.dataclass(frozen=True)
class _Range:
    """One of the two networks: its file, the side of its input, its anchors, and the least score that counts."""

    file: str
    side: int
    grids: tuple[tuple[int, int], ...]  # (cells a side, anchors a cell) of each feature map
    floor: float


SHORT = _Range("face_detection_short_range.tflite", 128, ((16, 2), (8, 6)), 0.5)
FULL = _Range("face_detection_full_range_sparse.tflite", 192, ((48, 1),), 0.6)


class BlazeFaceNetwork:
    """One of the two networks, with every find above its own floor (0.5 short, 0.6 full range).

    Started by its first picture; may be shared by threads.
    """

    def __init__(self, kind: _Range, threads: int = 0) -> None:
        self._kind, self._threads = kind, threads

    @functools.cached_property
    def _network(self) -> Network:
        file = _network_file(self._kind.file)
        return Network(file, hashlib.sha256(file.read_bytes()).hexdigest(), threads=self._threads)

    def start(self) -> None:
        """Load the network now."""
        self._network  # noqa: B018

    def __call__(self, rgb: Array) -> list[Face]:
        """Faces of a picture (H, W, 3) uint8, best first."""
        tensor, scale, offset = _letterbox(rgb, self._kind.side)
        outputs = {output.shape[-1]: output[0] for output in self._network(tensor)}
        with np.errstate(over="ignore"):
            scores = 1 / (1 + np.exp(-outputs[1][:, 0]))
        kept = np.flatnonzero(scores >= self._kind.floor)
        if not kept.size:
            return []
        # Per anchor: centre, width, height, then six points, in pixels of the input, relative to the anchor.
        values = outputs[16][kept].reshape(-1, 8, 2)
        anchors = _anchors(self._kind)[kept] * self._kind.side
        centre, extent = values[:, 0] + anchors, values[:, 1]
        shapes = np.concatenate(
            [(centre - extent / 2)[:, None], (centre + extent / 2)[:, None], values[:, 2:] + anchors[:, None]], axis=1
        )
        return _merged((shapes - offset) / scale, scores[kept])


def _letterbox(rgb: Array, side: int) -> tuple[Array, float, Array]:
    """The picture in the middle of a black square, as (1, side, side, 3) float32 in -1..1.

    Also returns the scale and the (2,) offset that take the picture's pixels to the square's.
    """
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    offset = (side - np.array((width, height)) * scale) / 2
    # Samples lie on the corners of the pixels, not on their centres, as the networks know it from mediapipe.
    matrix = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
    square = cv2.warpAffine(rgb, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return square[None].astype(np.float32) * np.float32(2 / 255) - 1, scale, offset.astype(np.float32)


def _merged(shapes: Array, scores: Array) -> list[Face]:
    """Where finds overlap they become one, their mean weighted by score (the paper's blending).

    Parameters
    ----------
    shapes : (n, 8, 2)
        Two corners of the box and six points of each find.
    scores : (n,)
    """
    faces = []
    left = np.argsort(-scores, kind="stable")
    while left.size:
        best = left[0]
        together = box_iou(shapes[best, :2].ravel(), shapes[left, :2].reshape(-1, 4)) > MERGE_IOU
        together[0] = True
        group = left[together]
        shape = np.average(shapes[group], axis=0, weights=scores[group]).astype(np.float32)
        faces.append(Face(shape[:2].ravel(), shape[2:], float(scores[best])))
        left = left[~together]
    return faces


def box_iou(box: Array, boxes: Array) -> Array:
    """Intersection over union of one box (4,) with boxes (n, 4), all x0, y0, x1, y1; returns (n,) in 0..1."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    area = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1) + np.prod(np.clip(box[2:] - box[:2], 0, None))
    return shared / np.maximum(area - shared, 1e-9)


@functools.cache
def _anchors(kind: _Range) -> Array:
    """Centres of all anchors, (n, 2) in 0..1, row by row."""
    centres = []
    for cells, each in kind.grids:
        y, x = np.divmod(np.arange(cells * cells), cells)
        centres.append(np.repeat((np.stack([x, y], axis=1) + 0.5) / cells, each, axis=0))
    return np.concatenate(centres).astype(np.float32)


def _network_file(name: str) -> Path:
    # Found, not imported: mediapipe's own start takes longer than everything that happens here.
    found = importlib.util.find_spec("mediapipe")
    for folder in (found.submodule_search_locations or []) if found else []:
        if (file := Path(folder) / "modules" / "face_detection" / name).is_file():
            return file
    raise InputError(f"The face detector's file {name} is missing; it comes with mediapipe: run make setup.")
