"""Head and scene: landmarks, rotation, and the ranges of what is drawn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aletheia.datasets.synthetic.head import Expression, half_width, height_field, landmarks
from aletheia.datasets.synthetic.people import draw_people
from aletheia.datasets.synthetic.scene import FRAME, draw_light, draw_shot


@pytest.fixture(scope="module")
def person():
    return draw_people(1, "cam-b", seed=1)[0]


def test_rotation_is_orthonormal_and_composed_as_named():
    shot = draw_shot(np.random.default_rng(0))
    np.testing.assert_allclose(shot.rotation() @ shot.rotation().T, np.eye(3), atol=1e-6)
    still = dataclasses.replace(shot, yaw=0.0, pitch=0.0, roll=0.0)
    np.testing.assert_allclose(still.rotation(), np.eye(3), atol=1e-7)
    nose = np.array([0, 0, 1])
    assert (dataclasses.replace(still, yaw=0.3).rotation() @ nose)[0] == pytest.approx(np.sin(0.3), abs=1e-6)
    assert (dataclasses.replace(still, pitch=0.2).rotation() @ nose)[1] == pytest.approx(np.sin(0.2), abs=1e-6)
    tilted = dataclasses.replace(still, roll=0.1).rotation() @ np.array([1, 0, 0])
    np.testing.assert_allclose(tilted, [np.cos(0.1), np.sin(0.1), 0], atol=1e-6)


def test_draw_shot_frames_the_face():
    for seed in range(50):
        shot = draw_shot(np.random.default_rng(seed))
        assert abs(shot.yaw) <= 0.48 and abs(shot.pitch) <= 0.2 and abs(shot.roll) <= 0.2
        assert 49 <= shot.unit <= 66 and abs(shot.centre[0] - FRAME / 2) < 30
        assert 0 <= shot.expression.mouth_open <= 0.9


def test_draw_light_comes_from_the_front():
    for seed in range(50):
        light = draw_light(np.random.default_rng(seed))
        assert np.linalg.norm(light.direction) == pytest.approx(1, abs=1e-6) and light.direction[2] > 0
        assert (light.key > 0).all() and (light.ambient > 0).all() and 0.1 <= light.softness <= 1


def test_half_width_ends_at_crown_and_chin(person):
    widths = half_width(person, np.array([-3.0, -1.0, 3.0]))
    np.testing.assert_allclose(widths, [0, 1.03, 0], atol=0.02)


def test_landmarks_are_symmetric(person):
    points = landmarks(person, Expression(smile=0.5))
    for name in ("eyes", "brows", "outline"):
        np.testing.assert_allclose(points[name] * (-1, 1), points[name][::-1], atol=1e-6)
    assert points["brows"][:, 1].max() < points["eyes"][0, 1] < points["nose"][0, 1] < points["mouth"][0, 1]


def test_height_field_nose_stands_out(person):
    height, inside = height_field(person)
    assert height.shape == inside.shape and inside.min() == 0 and inside.max() == 1
    row, column = np.unravel_index(np.argmax(np.where(inside == 1, height, -9)), height.shape)
    assert abs(column - height.shape[1] / 2) <= 2
    assert row == pytest.approx(np.argmax(height[:, height.shape[1] // 2]), abs=1)
