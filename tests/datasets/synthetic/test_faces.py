"""Rendering: landmarks where the features are drawn, light from where it comes, turning heads."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aletheia.datasets.synthetic.faces import encode_srgb, render
from aletheia.datasets.synthetic.head import Expression
from aletheia.datasets.synthetic.people import draw_people
from aletheia.datasets.synthetic.scene import FRAME, Light, Shot, draw_shot


def make_shot(**changes) -> Shot:
    light = Light(
        direction=np.array((0, -0.3, 0.954), np.float32),
        key=np.ones(3, np.float32),
        ambient=np.full(3, 0.4, np.float32),
        softness=0.6,
    )
    shot = Shot(Expression(), 0.0, 0.0, 0.0, 60.0, (128.0, 136.0), light, seed=1)
    return dataclasses.replace(shot, **changes)


@pytest.fixture(scope="module")
def person():
    found = [p for p in draw_people(40, "cam-b", seed=2) if not p.glasses and p.monk in (3, 4) and p.beard == 0]
    return found[0]


def test_render_range(person):
    image, _ = render(person, draw_shot(np.random.default_rng(0)))
    assert image.shape == (FRAME, FRAME, 3)
    assert image.dtype == np.float32
    assert np.isfinite(image).all()
    assert 0 <= image.min() < 0.2 < image.max() <= 1


def test_render_repeatable(person):
    shot = draw_shot(np.random.default_rng(4))
    np.testing.assert_array_equal(render(person, shot)[0], render(person, shot)[0])


@pytest.mark.parametrize(("yaw", "roll"), [(0, 0), (0.35, 0), (-0.35, 0), (0, 0.15), (0.2, -0.1)])
def test_render_landmarks_on_pupils(person, yaw, roll):
    image, points = render(person, make_shot(yaw=yaw, roll=roll))
    grey = image.mean(axis=-1)
    for x, y in points["eyes"].round().astype(int):
        pupil, cheek = grey[y - 2 : y + 3, x - 2 : x + 3].min(), grey[y + 17 : y + 23, x - 3 : x + 4].mean()
        assert pupil < 0.5 * cheek


def test_render_light_from_the_left(person):
    for side in (-1, 1):
        light = dataclasses.replace(make_shot().light, direction=np.array((side * 0.8, -0.2, 0.566), np.float32))
        image, points = render(person, make_shot(light=light))
        y = int(points["nose"][0, 1])
        x = points["outline"][:, 0]
        left = image[y - 5 : y + 15, int(x.min()) + 11 : int(x.min()) + 27].mean()
        right = image[y - 5 : y + 15, int(x.max()) - 27 : int(x.max()) - 11].mean()
        assert (right - left) * side > 0.05


def test_render_yaw_parallax(person):
    _, ahead = render(person, make_shot())
    _, turned = render(person, make_shot(yaw=0.3))
    nose = turned["nose"][0, 0] - ahead["nose"][0, 0]
    ears = turned["outline"][[0, -1], 0].mean() - ahead["outline"][[0, -1], 0].mean()
    assert nose > 10
    assert nose > ears + 10


def test_encode_srgb():
    linear = np.linspace(0.004, 0.6, 50)
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(encode_srgb(linear), expected, atol=4e-3)
    assert np.all(np.diff(encode_srgb(np.linspace(0, 4, 200))) >= 0)
