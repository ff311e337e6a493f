"""Dense landmarks against mediapipe's own graph, which is the reference."""

from __future__ import annotations

import cv2
import mediapipe
import numpy as np
import pytest
from mediapipe.python.solutions.face_mesh import FaceMesh as Reference

from aletheia.core.errors import InputError
from aletheia.faces import mesh as module
from aletheia.faces.detectors.registry import create_detector
from aletheia.faces.face import Face
from aletheia.faces.mesh import LEFT_EYE, LIPS, POINTS, RIGHT_EYE, FaceMesh


@pytest.fixture(scope="module")
def detector():
    return create_detector()


def test_points_agree_with_mediapipe(portraits, detector):
    assert mediapipe.__version__
    graph, mesh = Reference(static_image_mode=True, max_num_faces=1), FaceMesh()
    compared = 0
    for image, _ in portraits:
        large = cv2.resize(image, (640, 700), interpolation=cv2.INTER_CUBIC)  # shrunk to the input by areas
        for picture in (image, large):
            face = detector.detect(picture)[0]
            points, presence = mesh(picture, face)
            assert points.shape == (POINTS, 2) and points.dtype == np.float32 and 0 <= presence <= 1
            expected = graph.process(picture).multi_face_landmarks
            if not expected:
                continue
            assert presence > 0.5
            size = picture.shape[1::-1]
            places = np.array([(p.x, p.y) for p in expected[0].landmark])[:POINTS] * size
            assert np.abs(points - places).mean() < 0.02 * face.size
            compared += 1
    assert compared >= 8


def test_points_turn_with_the_picture(portraits, detector):
    image = portraits[0][0]
    face = detector.detect(image)[0]
    points, _ = FaceMesh()(image, face)
    # A quarter turn to the left: (x, y) becomes (y, width - x), pixels counted from the outer edge.
    turned = np.ascontiguousarray(np.rot90(image))

    def turn(places):
        return np.stack([places[..., 1], image.shape[1] - places[..., 0]], axis=-1).astype(np.float32)

    corners = turn(face.box.reshape(2, 2))
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    again, _ = FaceMesh()(turned, Face(box, turn(face.keypoints), face.score))
    np.testing.assert_allclose(again, turn(points), atol=0.02 * face.size)


def test_points_lie_on_features(portraits, detector):
    for image, drawn in portraits:
        face = detector.detect(image)[0]
        points, _ = FaceMesh()(image, face)
        right, left, mouth = (points[list(group)].mean(axis=0) for group in (RIGHT_EYE, LEFT_EYE, LIPS))
        between = np.hypot(*(drawn["eyes"][1] - drawn["eyes"][0]))
        assert np.hypot(*(right - drawn["eyes"][0])) < 0.35 * between
        assert np.hypot(*(left - drawn["eyes"][1])) < 0.35 * between
        assert mouth[1] > max(right[1], left[1])


def test_presence_without_a_face():
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    keypoints = np.array([(70, 80), (130, 80), (100, 110), (100, 140), (40, 90), (160, 90)], np.float32)
    _, presence = FaceMesh()(noise, Face(np.array([40, 40, 160, 160], np.float32), keypoints, 0.9))
    assert presence < 0.5


def test_missing_file_is_named(monkeypatch, portraits):
    monkeypatch.setattr(module, "_FILE", "absent.tflite")
    face = Face(np.array([0, 0, 9, 9], np.float32), np.zeros((6, 2), np.float32), 0.9)
    with pytest.raises(InputError, match=r"absent\.tflite is missing"):
        FaceMesh()(portraits[0][0], face)
