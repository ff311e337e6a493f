"""Saving only the surroundings of a face again is the same as saving the whole picture again."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from aletheia.faces.crop_config import CropConfig
from aletheia.faces.face import Face
from aletheia.models.preprocessing import network_input
from aletheia.models.reencoding import compressed, reencoded_inputs
from aletheia.models.spec import ModelSpec


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """500 x 700 pixels of textures of all sizes."""
    rng = np.random.default_rng(0)
    layers = [
        cv2.resize(rng.normal(0, 30, (500 // k, 700 // k, 3)).astype(np.float32), (700, 500)) for k in (50, 20, 5, 1)
    ]
    return np.clip(128 + sum(layers), 0, 255).astype(np.uint8)


def make_face(x: float, y: float, side: float, angle: float = 0.0) -> Face:
    """A face with its middle at (x, y); keypoints as in the template of an upright face, turned."""
    points = np.array([(-0.2, -0.165), (0.2, -0.165), (0, 0.086), (0, 0.269), (-0.4, 0), (0.4, 0)]) * side
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    box = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2], np.float32)
    return Face(box, (points @ turn + (x, y)).astype(np.float32), 0.9)


def spec(policy: str) -> ModelSpec:
    return ModelSpec(architecture="attention_cnn", input_size=48, crop=CropConfig(size=64, policy=policy, margin=0.25))


@pytest.mark.parametrize("policy", ["scale", "tight", "aligned"])
@pytest.mark.parametrize(
    "face",
    [
        make_face(350, 260, 90),
        make_face(203.3, 301.7, 61.4),
        make_face(20, 30, 80),
        make_face(690, 480, 120),
        make_face(350, 250, 70, 0.7),
    ],
    ids=["middle", "between pixels", "at the upper rim", "at the lower rim", "turned"],
)
def test_reencoded_inputs_equal_whole_picture(picture, policy, face):
    jpeg, scaled = reencoded_inputs(picture, face, spec(policy))
    # Before it is aligned, a large face is shrunk, on a grid that begins at the picture's rim, or the window's.
    tolerance = 6 if policy == "aligned" and face.size > 80 else 1  # 1: where a coordinate falls between two roundings
    difference = np.abs(jpeg.astype(int) - network_input(compressed(picture), face, spec(policy)))
    assert difference.max() <= (0 if policy != "aligned" else tolerance)
    smaller = cv2.resize(picture, (630, 450), interpolation=cv2.INTER_AREA)
    factor = np.float32(0.9)
    moved = Face(face.box * factor, face.keypoints * factor, face.score)
    difference = np.abs(scaled.astype(int) - network_input(smaller, moved, spec(policy)))
    assert difference.max() <= tolerance
    original = network_input(picture, face, spec(policy)).astype(int)
    for version in (jpeg, scaled):
        assert 0 < np.abs(version - original).mean() < 15


def test_compressed_is_jpeg_of_quality_90(picture):
    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    np.testing.assert_array_equal(compressed(picture), cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def test_reencoded_inputs_leave_picture_unchanged(picture):
    before = picture.copy()
    reencoded_inputs(picture, make_face(350, 260, 90), spec("scale"))
    np.testing.assert_array_equal(picture, before)
