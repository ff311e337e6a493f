"""A detected face: its box, its keypoints and the detector's confidence."""

from __future__ import annotations

import dataclasses

import numpy as np

from aletheia.core.arrays import Array

#: Names of the six keypoints, in order; right is the person's right.
KEYPOINTS = ("right_eye", "left_eye", "nose_tip", "mouth", "right_ear", "left_ear")


@dataclasses.dataclass(frozen=True, eq=False)
class Face:
    """One detected face, in pixels of the image that was searched (x to the right, y down, origin top left).

    Attributes
    ----------
    box : (4,) float32
        x0, y0, x1, y1: a square, roughly from the brows to the chin and from ear to ear. May reach over the image's
        edge.
    keypoints : (6, 2) float32
        :data:`KEYPOINTS` in this order.
    score : float
        Confidence of the detector, 0..1.
    """

    box: Array
    keypoints: Array
    score: float

    @property
    def centre(self) -> Array:
        """Centre (x, y) of the box, (2,) float32, pixels."""
        centre: Array = (self.box[:2] + self.box[2:]) / 2
        return centre

    @property
    def size(self) -> float:
        """Longer side of the box in pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))


def box_iou(box: Array, boxes: Array) -> Array:
    """Compute the intersection over union of one box (4,) with boxes (n, 4), all x0, y0, x1, y1; (n,) in 0..1."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    area = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1) + np.prod(np.clip(box[2:] - box[:2], 0, None))
    return np.asarray(shared / np.maximum(area - shared, 1e-9))
