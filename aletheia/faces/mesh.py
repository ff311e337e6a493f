"""Dense landmarks of a face: 468 points on its surface, of which the detector's six are but a sketch.

The network is the face mesh of Kartynnik, Ablavatski, Grishchenko and Grundmann, "Real-time Facial Surface Geometry
from Monocular Video on Mobile GPUs", CVPR Workshops 2019; its file comes from mediapipe (see NOTICE),
which is not needed to run it.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.openvino import Network
from aletheia.faces.face import Face

#: Points of a mesh.
POINTS = 468
_FILE = "face_landmark.tflite"
_SIDE = 192  # of the network's input, pixels
_REACH = 1.5  # side of the square that is cut out, in sides of the detector's box: mediapipe's constant

#: Numbers of the points along the outlines of the features, in order around each; right is the person's right.
OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_BROW = (46, 53, 52, 65, 55, 107, 66, 105, 63, 70)
LEFT_BROW = (276, 283, 282, 295, 285, 336, 296, 334, 293, 300)
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
NOSE = (168, 122, 174, 198, 49, 48, 64, 98, 97, 2, 326, 327, 294, 278, 279, 420, 399, 351)


class FaceMesh:
    """Places the landmarks of detected faces; one object for all pictures of a process.

    Parameters
    ----------
    threads : int
        CPU threads for one face; 0: all cores.
    """

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads

    @functools.cached_property
    def _network(self) -> Network:
        file = Path(__file__).with_name(_FILE)
        if not file.is_file():
            raise InputError(f"The landmarks' file {_FILE} is missing; it is part of aletheia: install it again.")
        return Network(file, hashlib.sha256(file.read_bytes()).hexdigest(), threads=self._threads)

    def __call__(self, rgb: Array, face: Face) -> tuple[Array, float]:
        """Place the landmarks of a face.

        Parameters
        ----------
        rgb : (H, W, 3) uint8
        face : Face
            Detected in it.

        Returns
        -------
        points : (468, 2) float32
            Pixels of the image, from the outer edge of the first one; may lie outside of the image.
        presence : float
            Certainty that there is a face, 0..1.
        """
        matrix = _to_input(face)
        scale = float(np.hypot(*matrix[0, :2]))
        image, shrunk = rgb, matrix.copy()
        if scale < 0.5:  # bilinear samples farther apart than two pixels alias: shrink by areas first
            height, width = rgb.shape[:2]
            small = (max(round(width * 2 * scale), 1), max(round(height * 2 * scale), 1))
            image = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA)
            shrunk[:, :2] /= np.array([small[0] / width, small[1] / height])
        shrunk[:, 2] += shrunk[:, :2] @ (0.5, 0.5) - 0.5  # from edges to centres of pixels
        part = cv2.warpAffine(image, shrunk, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        outputs = {output.size: output for output in self._network(part[None].astype(np.float32) / np.float32(255))}
        points = outputs[3 * POINTS].reshape(POINTS, 3)[:, :2]
        presence = 1 / (1 + np.exp(-float(outputs[1].item())))
        return ((points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T).astype(np.float32), presence


def _to_input(face: Face) -> Array:
    """Compute the similarity, (2, 3) float64, that takes an image's pixels to the input's, the eyes level."""
    right, left = face.keypoints[:2].astype(np.float64)
    angle = np.arctan2(left[1] - right[1], left[0] - right[0])
    scale = _SIDE / (_REACH * max(face.size, 1e-3))
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.column_stack([turn, _SIDE / 2 - turn @ face.centre])
