"""mediapipe's BlazeFace networks, started quietly and without what they do not need."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

KEYPOINTS = (
    "right_eye",
    "left_eye",
    "nose_tip",
    "mouth",
    "right_ear",
    "left_ear",
)  # right is the person's right

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


@contextlib.contextmanager
def _without_drawing() -> Iterator[None]:
    """Import mediapipe without its drawing helpers, which nothing here uses: they pull in the whole of matplotlib's
    pyplot and take four fifths of the 1.2 seconds. Whoever imports them later gets the real ones.
    """
    names = [f"mediapipe.python.solutions.drawing_{part}" for part in ("styles", "utils")]
    absent = [] if "mediapipe" in sys.modules else names
    sys.modules.update({name: types.ModuleType(name) for name in absent})
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


class BlazeFaceNetwork:
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
        # Imported here: most of Aletheia does without.
        os.environ.setdefault("GLOG_minloglevel", "2")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        with _silenced_stderr():
            with _without_drawing():
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
