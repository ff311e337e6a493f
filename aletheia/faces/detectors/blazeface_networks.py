"""The two BlazeFace networks, whose files come from mediapipe (see NOTICE), run without mediapipe.

The steps before and after the network (fitting an image into a square, anchors, merging of detections) follow
Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", CVPR Workshops 2019, with
mediapipe's published constants; the tests compare with mediapipe itself.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.openvino import Network
from aletheia.faces.face import Face, box_iou

MERGE_IOU = 0.3


@dataclasses.dataclass(frozen=True)
class NetworkKind:
    """One of the two networks: its file, the side of its input, its anchors, and the least score that counts."""

    file: str
    side: int
    grids: tuple[tuple[int, int], ...]  # (cells a side, anchors a cell) of each feature map
    floor: float


SHORT = NetworkKind("face_detection_short_range.tflite", 128, ((16, 2), (8, 6)), 0.5)
FULL = NetworkKind("face_detection_full_range_sparse.tflite", 192, ((48, 1),), 0.6)


class BlazeFaceNetwork:
    """One of the two networks, with every detection above its own floor (0.5 short, 0.6 full range).

    Loaded with its first image; may be shared by threads.
    """

    def __init__(self, kind: NetworkKind, threads: int = 0) -> None:
        self._kind, self._threads = kind, threads

    @functools.cached_property
    def _network(self) -> Network:
        file = network_file(self._kind.file)
        return Network(file, hashlib.sha256(file.read_bytes()).hexdigest(), threads=self._threads)

    def start(self) -> None:
        """Load the network now."""
        self._network  # noqa: B018 - the property loads it

    def __call__(self, rgb: Array) -> list[Face]:
        """Detect the faces of an image (H, W, 3) uint8, best first."""
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
        return _merge((shapes - offset) / scale, scores[kept])


def _letterbox(rgb: Array, side: int) -> tuple[Array, float, Array]:
    """Fit an image into the middle of a black square, (1, side, side, 3) float32 in -1..1.

    Also returns the scale and the (2,) offset that take the image's pixels to the square's.
    """
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    offset = (side - np.array((width, height)) * scale) / 2
    # Samples lie on the corners of the pixels, not on their centres: mediapipe's convention, which the networks expect.
    matrix = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
    square = cv2.warpAffine(rgb, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return square[None].astype(np.float32) * np.float32(2 / 255) - 1, scale, offset.astype(np.float32)


def _merge(shapes: Array, scores: Array) -> list[Face]:
    """Merge overlapping detections into their mean, weighted by score (the paper's blending).

    Parameters
    ----------
    shapes : (n, 8, 2)
        Two corners of the box and six points of each detection.
    scores : (n,)
    """
    faces = []
    remaining = np.argsort(-scores, kind="stable")
    while remaining.size:
        best = remaining[0]
        overlaps = box_iou(shapes[best, :2].ravel(), shapes[remaining, :2].reshape(-1, 4)) > MERGE_IOU
        overlaps[0] = True
        group = remaining[overlaps]
        shape = np.average(shapes[group], axis=0, weights=scores[group]).astype(np.float32)
        faces.append(Face(shape[:2].ravel(), shape[2:], float(scores[best])))
        remaining = remaining[~overlaps]
    return faces


@functools.cache
def _anchors(kind: NetworkKind) -> Array:
    """Place the centres of all anchors, (n, 2) in 0..1, row by row."""
    centres: list[Array] = []
    for cells, per_cell in kind.grids:
        y, x = np.divmod(np.arange(cells * cells), cells)
        centres.append(np.repeat((np.stack([x, y], axis=1) + 0.5) / cells, per_cell, axis=0))
    return np.concatenate(centres).astype(np.float32, copy=False)


def network_file(name: str) -> Path:
    """Find a network's file, which lies beside this module. Raises InputError when it is missing."""
    file = Path(__file__).with_name(name)
    if not file.is_file():
        raise InputError(f"The face detector's file {name} is missing; it is part of aletheia: install it again.")
    return file
