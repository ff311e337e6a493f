"""Face detection by BlazeFace (Bazarevsky et al., CVPR Workshops 2019), as mediapipe carries it in its wheel.

Two networks are used: *full range* (192 x 192 input, for faces from a few per cent of the picture upwards)
and *short range* (128 x 128 input, for faces that fill it). See :class:`BlazeFace` for who looks at what.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from aletheia.errors import InputError

KEYPOINTS = (
    "right_eye",
    "left_eye",
    "nose_tip",
    "mouth",
    "right_ear",
    "left_ear",
)  # right is the person's right
NMS_IOU = 0.3
TILE = 960  # pixels a side of a tile, see BlazeFace
TILE_OVERLAP = 240
_INPUT = 512  # longer side of what the networks are handed: they shrink by bilinear samples, which alias

_quiet_lock = threading.Lock()


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

    box: np.ndarray
    keypoints: np.ndarray
    score: float

    @property
    def size(self) -> float:
        """Longer side of the box in pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))


@contextlib.contextmanager
def _silenced_stderr() -> Iterator[None]:
    """Send file descriptor 2 to nowhere: the C++ inside mediapipe logs there, whatever the log level says.

    The descriptor is the whole process's: what another thread writes in this short while is lost, too.
    """
    with _quiet_lock:
        try:
            sys.stderr.flush()
            saved = os.dup(2)
        except (OSError, ValueError, AttributeError):
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            os.close(nowhere)


class _Network:
    """One of mediapipe's two face detection graphs, with every find above its own floor (0.5 short, 0.6 full
    range).

    Not re-entrant: calls take turns. mediapipe 0.10.21 ignores ``min_detection_confidence``, so it is not
    passed on and the caller compares scores with its threshold.
    """

    def __init__(self, model: int) -> None:
        self._model = model
        self._graph: Any = None
        self._lock = threading.Lock()

    def _start(self) -> Any:
        # Imported here: it takes a second, and most of Aletheia does without.
        os.environ.setdefault("GLOG_minloglevel", "2")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        with _silenced_stderr():
            from mediapipe.python.solutions.face_detection import FaceDetection

            graph = FaceDetection(model_selection=self._model)
            graph.process(np.zeros((64, 64, 3), np.uint8))  # the rest of the log comes with the first picture
        return graph

    def __call__(self, rgb: np.ndarray) -> list[Face]:
        height, width = rgb.shape[:2]
        with self._lock:
            if self._graph is None:
                self._graph = self._start()
            detections = self._graph.process(np.ascontiguousarray(rgb)).detections or []
        scale = np.array((width, height), np.float32)
        faces = []
        for detection in detections:
            where = detection.location_data
            box = where.relative_bounding_box
            corner = np.array((box.xmin, box.ymin), np.float32) * scale
            extent = np.array((box.width, box.height), np.float32) * scale
            points = np.array([(p.x, p.y) for p in where.relative_keypoints], np.float32) * scale
            faces.append(Face(np.concatenate([corner, corner + extent]), points, float(detection.score[0])))
        return faces


def box_iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (4,) with boxes (n, 4), all x0, y0, x1, y1; returns (n,) in 0..1."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    area = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1) + np.prod(np.clip(box[2:] - box[:2], 0, None))
    return shared / np.maximum(area - shared, 1e-9)


def suppress(faces: list[Face], iou: float = NMS_IOU) -> list[Face]:
    """Greedy non-maximum suppression: where boxes overlap by more than ``iou`` the best-scored stays."""
    ranked = sorted(faces, key=lambda f: (-f.score, f.box[1], f.box[0]))
    kept: list[Face] = []
    for face in ranked:
        if not kept or box_iou(face.box, np.stack([k.box for k in kept])).max() <= iou:
            kept.append(face)
    return kept


def tiles(height: int, width: int) -> list[tuple[int, int, int, int]]:
    """Overlapping tiles x0, y0, x1, y1 of a large picture; none for a picture up to one and a half tiles a
    side.

    Tiles are :data:`TILE` pixels a side (or the whole side where that is shorter), spread evenly, and overlap
    by at least :data:`TILE_OVERLAP`: a face up to that size is whole in at least one.
    """
    if max(height, width) <= 1.5 * TILE:
        return []

    def starts(length: int) -> list[int]:
        if length <= TILE:
            return [0]
        count = 1 + int(np.ceil((length - TILE) / (TILE - TILE_OVERLAP)))
        return [round(at) for at in np.linspace(0, length - TILE, count)]

    return [(x, y, min(x + TILE, width), min(y + TILE, height)) for y in starts(height) for x in starts(width)]


def _moved(face: Face, scale: float, offset: tuple[float, float] = (0.0, 0.0)) -> Face:
    shift = np.array(offset, np.float32)
    box = (face.box * scale + np.tile(shift, 2)).astype(np.float32)
    return Face(box, (face.keypoints * scale + shift).astype(np.float32), face.score)


def _shrunk(rgb: np.ndarray, longest: int) -> tuple[np.ndarray, float]:
    height, width = rgb.shape[:2]
    shrink = longest / max(height, width)
    if shrink >= 1:
        return rgb, 1.0
    size = (max(round(width * shrink), 1), max(round(height * shrink), 1))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), shrink


def _ordered(faces: list[Face]) -> list[Face]:
    return sorted(suppress(faces), key=lambda face: (-round(face.size), face.box[1], face.box[0]))


class BlazeFace:
    """Find faces in a picture.

    The tries, each from the third on made only where those before found nothing at or above ``threshold``:

    1. ``whole``: the full-range network looks at the whole picture. When its longer side exceeds one and a
       half :data:`TILE` (1,440 pixels) it also looks at overlapping tiles (:func:`tiles`), where faces of a
       few per cent of the picture become visible; a face cut by a tile's inner edge is left to the neighbour
       that has it whole.
    2. ``short``: the short-range network looks at the whole picture and adds the faces not found so far.
    3. ``padded``: both look at the picture with a rim of half its size on every side: tight crops, which
       the networks hardly know, become portraits.
    4. ``agreed``: finds at the same place (IoU at least 0.4) in two of the four looks so far, with a mean
       score of at least ``threshold`` - 0.15. On photographs these were mostly old and dark-skinned people,
       whom each look sees less surely; without this try the detector would drop them from a data set in
       silence.

    Overlapping finds are merged by non-maximum suppression (IoU 0.3).

    Parameters
    ----------
    threshold : float
        Least confidence, 0..1 exclusive.

    Notes
    -----
    One instance may be used by several threads (they take turns), not across a fork: build it in the worker
    process.
    """

    def __init__(self, threshold: float = 0.75) -> None:
        if not 0 < threshold < 1:
            raise InputError(f"The face detection threshold is {threshold}; it must lie between 0 and 1.")
        self.threshold = threshold
        self._full, self._short = _Network(1), _Network(0)

    def detect(self, rgb: np.ndarray) -> list[Face]:
        """Find all faces.

        Parameters
        ----------
        rgb : (H, W, 3) uint8

        Returns
        -------
        list of Face
            Largest first; of equal size the upper, then the left one first. Empty when there is none.
        """
        return self.detect_with_stage(rgb)[0]

    def detect_with_stage(self, rgb: np.ndarray) -> tuple[list[Face], str]:
        """Like :meth:`detect`; also names the first try that succeeded: ``whole``, ``short``, ``padded``,
        ``agreed`` or ``none``.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise InputError(f"A picture must be uint8 of shape (H, W, 3), not {rgb.dtype} of shape {rgb.shape}.")
        small, shrink = _shrunk(rgb, _INPUT)
        full = [_moved(face, 1 / shrink) for face in self._full(small)]
        short = [_moved(face, 1 / shrink) for face in self._short(small)]
        faces = suppress(self._sure(full) + self._in_tiles(rgb))
        stage = "whole" if faces else "short"
        # The short-range network adds what the other one did not see; its boxes of the same faces are not mixed in.
        for face in suppress(self._sure(short)):
            if not faces or box_iou(face.box, np.stack([f.box for f in faces])).max() <= NMS_IOU:
                faces.append(face)
        if faces:
            return _ordered(faces), stage
        padded_full, padded_short = self._padded(rgb)
        if faces := self._sure(padded_full) or self._sure(padded_short):
            return _ordered(faces), "padded"
        if faces := self._agreed([full, short, padded_full, padded_short]):
            return _ordered(faces), "agreed"
        return [], "none"

    def _sure(self, faces: list[Face]) -> list[Face]:
        return [face for face in faces if face.score >= self.threshold]

    def _agreed(self, looks: list[list[Face]]) -> list[Face]:
        agreed = []
        for k, look in enumerate(looks):
            others = [face for other in looks[:k] + looks[k + 1 :] for face in other]
            if not others:
                continue
            boxes, scores = np.stack([face.box for face in others]), np.array([face.score for face in others])
            for face in look:
                seen_too = scores[box_iou(face.box, boxes) >= 0.4]
                if seen_too.size and (face.score + seen_too.max()) / 2 >= self.threshold - 0.15:
                    agreed.append(face)
        return agreed

    def _in_tiles(self, rgb: np.ndarray) -> list[Face]:
        height, width = rgb.shape[:2]
        faces: list[Face] = []
        for x0, y0, x1, y1 in tiles(height, width):
            small, shrink = _shrunk(rgb[y0:y1, x0:x1], _INPUT)
            found = [_moved(face, 1 / shrink, (x0, y0)) for face in self._sure(self._full(small))]
            low = [x0 if x0 > 0 else -np.inf, y0 if y0 > 0 else -np.inf]
            high = [x1 if x1 < width else np.inf, y1 if y1 < height else np.inf]
            faces += [face for face in found if (face.box[:2] >= low).all() and (face.box[2:] <= high).all()]
        return faces

    def _padded(self, rgb: np.ndarray) -> tuple[list[Face], list[Face]]:
        height, width = rgb.shape[:2]
        small, shrink = _shrunk(rgb, _INPUT // 2)
        top, left = small.shape[0] // 2, small.shape[1] // 2
        padded = cv2.copyMakeBorder(small, top, top, left, left, cv2.BORDER_CONSTANT, value=(128, 128, 128))

        def look(network: _Network) -> list[Face]:
            moved = [_moved(face, 1 / shrink, (-left / shrink, -top / shrink)) for face in network(padded)]
            centres = [(face.box[:2] + face.box[2:]) / 2 for face in moved]
            return [f for f, c in zip(moved, centres, strict=True) if 0 <= c[0] < width and 0 <= c[1] < height]

        return look(self._full), look(self._short)
