"""Face detection by BlazeFace (Bazarevsky et al., CVPR Workshops 2019), with the networks of mediapipe 0.10.21.

Two networks are used: *full range* (192 x 192 input, for faces from a few per cent of the image upwards) and *short
range* (128 x 128 input, for faces that fill it). :class:`BlazeFace` lists the stages of the search.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.faces.detectors.blazeface_networks import FULL, SHORT, BlazeFaceNetwork
from aletheia.faces.detectors.registry import FaceDetector, register_detector
from aletheia.faces.face import Face, box_iou

NMS_IOU = 0.3
TILE = 960  # pixels a side of a tile, see BlazeFace
TILE_OVERLAP = 240
MAX_TILES = 256  # an image of 64 million pixels has fewer, unless it is under 350 pixels high or wide
# Least shorter side of a tile, as a share of its side: a smaller face would have under 5 of the network's 192 pixels.
_MIN_SHARE = 1 / 40
_INPUT = 512  # least longer side, pixels, that an image is shrunk to before the networks see it


def suppress(faces: list[Face], iou: float = NMS_IOU) -> list[Face]:
    """Suppress all but the best-scored of boxes that overlap by more than ``iou`` (greedy non-maximum suppression)."""
    ranked = sorted(faces, key=lambda f: (-f.score, f.box[1], f.box[0]))
    kept: list[Face] = []
    for face in ranked:
        if not kept or box_iou(face.box, np.stack([k.box for k in kept])).max() <= iou:
            kept.append(face)
    return kept


def tiles(height: int, width: int) -> list[tuple[int, int, int, int]]:
    """Cut a large image into overlapping tiles x0, y0, x1, y1.

    There are none for an image up to one and a half tiles a side, and for one whose shorter side is under a fortieth of
    a tile (24 pixels), too narrow for a face to be found. Tiles are :data:`TILE` pixels a side (or the whole side where
    that is shorter), spread evenly, and overlap by at least a quarter (:data:`TILE_OVERLAP`): a face up to that size is
    whole in at least one. Where that takes more than :data:`MAX_TILES`, they are twice as large, or four times and so
    on.
    """
    if max(height, width) <= 1.5 * TILE:
        return []
    side = TILE
    while _count(height, side) * _count(width, side) > MAX_TILES:
        side *= 2
    if min(height, width) < _MIN_SHARE * side:
        return []

    def starts(length: int) -> list[int]:
        return [round(at) for at in np.linspace(0, max(length - side, 0), _count(length, side))]

    return [(x, y, min(x + side, width), min(y + side, height)) for y in starts(height) for x in starts(width)]


def _count(length: int, side: int) -> int:
    """Count the tiles along a length."""
    return 1 + max(-(-(length - side) * TILE // (side * (TILE - TILE_OVERLAP))), 0)


def _moved(face: Face, scale: float, offset: tuple[float, float] = (0.0, 0.0)) -> Face:
    shift = np.array(offset, np.float32)
    box = (face.box * scale + np.tile(shift, 2)).astype(np.float32)
    return Face(box, (face.keypoints * scale + shift).astype(np.float32), face.score)


def _shrunk(rgb: Array, longest: int) -> tuple[Array, float]:
    """Shrink an image until its longer side is at most twice `longest`, by means over squares of whole pixels.

    Returns the image and its scale.
    """
    factor = max(rgb.shape[:2]) // longest
    if factor <= 1:
        return rgb, 1.0
    height, width = max(rgb.shape[0] // factor, 1), max(rgb.shape[1] // factor, 1)
    part = rgb[: height * factor, : width * factor]
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA), 1 / factor


def _within(rgb: Array, faces: list[Face]) -> list[Face]:
    """Keep the faces with at least one pixel of the image: the networks search the bars around it, too."""
    high = np.array(rgb.shape[1::-1]) - 1
    return [face for face in faces if (face.box[:2] <= high).all() and (face.box[2:] >= 1).all()]


def _ordered(faces: list[Face]) -> list[Face]:
    return sorted(suppress(faces), key=lambda face: (-round(face.size), face.box[1], face.box[0]))


@register_detector("blazeface")
class BlazeFace(FaceDetector):
    """The two BlazeFace networks, applied in up to four stages.

    From the third on, a stage is entered only where those before found nothing at or above ``threshold``:

    1. ``whole``: the full-range network searches the whole image. When its longer side exceeds one and a
       half :data:`TILE` (1,440 pixels) it also searches overlapping tiles (:func:`tiles`), where faces of a
       few per cent of the image become visible; a face cut by a tile's inner edge is left to the neighbour
       that has it whole.
    2. ``short``: the short-range network searches the whole image and adds the faces not found so far.
    3. ``padded``: both search the image with a border of half its size on every side: tight crops, of which
       the networks saw few in their training, become portraits.
    4. ``agreed``: detections at the same place (IoU at least 0.4) in two of the four searches so far, with a mean
       score of at least ``threshold`` - 0.15. On photographs these were mostly old and dark-skinned people,
       whom each search detects less surely; without this stage the detector would silently drop them from a data
       set.

    Overlapping detections are merged by non-maximum suppression (IoU 0.3).

    Parameters
    ----------
    threshold : float
        Least confidence, 0..1 exclusive.
    threads : int
        CPU threads for one image; 0 takes all cores. One instance may be shared by threads, not across a fork.
    """

    def __init__(self, threshold: float = 0.75, threads: int = 0) -> None:
        if not 0 < threshold < 1:
            raise InputError(f"The face detection threshold is {threshold}; it must lie between 0 and 1.")
        self.threshold = threshold
        self._full, self._short = BlazeFaceNetwork(FULL, threads), BlazeFaceNetwork(SHORT, threads)

    def start(self) -> None:
        """Load the networks now, not with the first image."""
        self._full.start()
        self._short.start()

    def detect(self, rgb: Array, check: Callable[[], None] | None = None) -> list[Face]:
        """Find all faces.

        Parameters
        ----------
        rgb : (H, W, 3) uint8
        check : callable, optional
            Called before every tile; what it raises ends the search.

        Returns
        -------
        list of Face
            Largest first; of equal size the upper, then the left one first. Empty when there is none. Each box
            has at least one pixel of the image.
        """
        return self.detect_with_stage(rgb, check)[0]

    def detect_with_stage(self, rgb: Array, check: Callable[[], None] | None = None) -> tuple[list[Face], str]:
        """Find all faces, and name the first stage that found one: whole, short, padded, agreed or none."""
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise InputError(f"An image must be uint8 of shape (H, W, 3), not {rgb.dtype} of shape {rgb.shape}.")
        small, shrink = _shrunk(rgb, _INPUT)
        full = _within(rgb, [_moved(face, 1 / shrink) for face in self._full(small)])
        short = _within(rgb, [_moved(face, 1 / shrink) for face in self._short(small)])
        faces = suppress(self._confident(full) + self._in_tiles(rgb, check))
        stage = "whole" if faces else "short"
        # The short-range network adds the faces that the other one missed; its boxes of the same faces are left out.
        for face in suppress(self._confident(short)):
            if not faces or box_iou(face.box, np.stack([f.box for f in faces])).max() <= NMS_IOU:
                faces.append(face)
        if faces:
            return _ordered(faces), stage
        padded_full, padded_short = self._padded(rgb)
        if faces := self._confident(padded_full) or self._confident(padded_short):
            return _ordered(faces), "padded"
        if faces := self._agreed([full, short, padded_full, padded_short]):
            return _ordered(faces), "agreed"
        return [], "none"

    def _confident(self, faces: list[Face]) -> list[Face]:
        return [face for face in faces if face.score >= self.threshold]

    def _agreed(self, searches: list[list[Face]]) -> list[Face]:
        agreed = []
        for k, search in enumerate(searches):
            others = [face for other in searches[:k] + searches[k + 1 :] for face in other]
            if not others:
                continue
            boxes, scores = np.stack([face.box for face in others]), np.array([face.score for face in others])
            for face in search:
                matching = scores[box_iou(face.box, boxes) >= 0.4]
                if matching.size and (face.score + matching.max()) / 2 >= self.threshold - 0.15:
                    agreed.append(face)
        return agreed

    def _in_tiles(self, rgb: Array, check: Callable[[], None] | None) -> list[Face]:
        height, width = rgb.shape[:2]
        faces: list[Face] = []
        for x0, y0, x1, y1 in tiles(height, width):
            if check:
                check()
            small, shrink = _shrunk(rgb[y0:y1, x0:x1], _INPUT)
            in_tile = [_moved(face, 1 / shrink, (x0, y0)) for face in self._confident(self._full(small))]
            low = [x0 if x0 > 0 else -np.inf, y0 if y0 > 0 else -np.inf]
            high = [x1 if x1 < width else np.inf, y1 if y1 < height else np.inf]
            faces += [face for face in in_tile if (face.box[:2] >= low).all() and (face.box[2:] <= high).all()]
        return _within(rgb, faces)

    def _padded(self, rgb: Array) -> tuple[list[Face], list[Face]]:
        height, width = rgb.shape[:2]
        small, shrink = _shrunk(rgb, _INPUT // 2)
        top, left = small.shape[0] // 2, small.shape[1] // 2
        padded = cv2.copyMakeBorder(small, top, top, left, left, cv2.BORDER_CONSTANT, value=(128, 128, 128))

        def search(network: BlazeFaceNetwork) -> list[Face]:
            moved = [_moved(face, 1 / shrink, (-left / shrink, -top / shrink)) for face in network(padded)]
            inside = [face for face in moved if 0 <= face.centre[0] < width and 0 <= face.centre[1] < height]
            return _within(rgb, inside)

        return search(self._full), search(self._short)
