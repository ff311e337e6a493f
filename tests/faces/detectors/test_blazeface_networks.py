"""The detector's networks against mediapipe's own graphs, which are the reference."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import mediapipe
import numpy as np
import pytest
from mediapipe.python.solutions.face_detection import FaceDetection

from aletheia.core.errors import InputError
from aletheia.faces.detectors import blazeface_networks
from aletheia.faces.detectors.blazeface_networks import FULL, SHORT, BlazeFaceNetwork


@pytest.fixture(scope="module")
def images(portraits):
    """Portraits as they are, wide, high, two beside each other, and one inside of a larger image."""
    plain = [image for image, _ in portraits]
    wide = cv2.copyMakeBorder(plain[0], 0, 0, 130, 41, cv2.BORDER_REFLECT)
    high = cv2.copyMakeBorder(plain[1], 90, 3, 0, 0, cv2.BORDER_REPLICATE)
    small = np.full((500, 640, 3), 90, np.uint8)
    small[100:300, 300:500] = cv2.resize(plain[2], (200, 200), interpolation=cv2.INTER_AREA)
    return [*plain, wide, high, np.hstack(plain[:2]), small]


@pytest.mark.parametrize(("kind", "selection"), [(FULL, 1), (SHORT, 0)])
def test_network_agrees_with_mediapipe(images, kind, selection):
    graph, network = FaceDetection(model_selection=selection), BlazeFaceNetwork(kind)
    n_faces = 0
    for image in images:
        height, width = image.shape[:2]
        scale = np.array((width, height))
        expected = sorted(graph.process(image).detections or [], key=lambda d: -d.score[0])
        faces = network(image)
        assert len(faces) == len(expected)
        for face, detection in zip(faces, expected, strict=True):
            n_faces += 1
            location = detection.location_data
            box = location.relative_bounding_box
            corner, extent = np.array((box.xmin, box.ymin)) * scale, np.array((box.width, box.height)) * scale
            points = np.array([(p.x, p.y) for p in location.relative_keypoints]) * scale
            tolerance = 0.02 * face.size
            np.testing.assert_allclose(face.box, np.concatenate([corner, corner + extent]), atol=tolerance)
            np.testing.assert_allclose(face.keypoints, points, atol=tolerance)
            assert face.score == pytest.approx(detection.score[0], abs=0.02)
    assert n_faces >= len(images) - 2


def test_merge_weighted_mean():
    one = np.array([[0, 0], [10, 10], *[[1, 1]] * 6], float)
    shapes = np.stack([one, one + 1, one + 50])
    first, second = blazeface_networks._merge(shapes, np.array([0.6, 0.9, 0.7]))
    np.testing.assert_allclose(first.box, np.array([0, 0, 10, 10]) + 0.9 / 1.5, rtol=1e-6)
    assert (first.score, second.score) == (0.9, 0.7)
    np.testing.assert_allclose(second.keypoints, 51)


def test_network_shared_by_threads(images):
    network = BlazeFaceNetwork(FULL, threads=1)
    alone = [[face.box for face in network(image)] for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda image: [face.box for face in network(image)], images * 5))
    for k, boxes in enumerate(together):
        np.testing.assert_allclose(boxes, alone[k % len(images)], atol=1e-3)


@pytest.mark.parametrize("kind", [FULL, SHORT])
def test_network_file_is_mediapipes(kind):
    theirs = Path(mediapipe.__file__).parent / "modules" / "face_detection" / kind.file
    assert blazeface_networks.network_file(kind.file).read_bytes() == theirs.read_bytes()


def test_network_file_missing():
    with pytest.raises(InputError, match=r"other\.tflite is missing; it is part of aletheia"):
        BlazeFaceNetwork(dataclasses.replace(FULL, file="other.tflite")).start()
