"""The painters of skin, hair, features and backdrop change what they are named after."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aletheia.datasets.synthetic.backdrop import paint_backdrop, paint_body
from aletheia.datasets.synthetic.features import paint_brows, paint_eyes, paint_glasses, paint_mouth
from aletheia.datasets.synthetic.hair import hair_behind, paint_ears, paint_hair
from aletheia.datasets.synthetic.head import Expression, canvas, height_field, to_canvas
from aletheia.datasets.synthetic.layers import Layers
from aletheia.datasets.synthetic.people import draw_people
from aletheia.datasets.synthetic.scene import FRAME, draw_light, draw_shot
from aletheia.datasets.synthetic.skin import paint_beard, paint_nostrils, paint_skin, paint_wrinkles

PLAIN = {"freckles": 0.0, "makeup": 0.0, "beard": 0.0, "moustache": 0.0, "glasses": False, "wrinkles": 0.0}


@pytest.fixture(scope="module")
def person():
    return dataclasses.replace(draw_people(1, "cam-a", seed=2)[0], **PLAIN)


@pytest.fixture
def layers(person):
    height, inside = height_field(person)
    layers = Layers(np.zeros((*height.shape, 3), np.float32), np.zeros_like(height), height.copy(), inside.copy())
    paint_skin(layers, person)
    return layers


def at(layers, u, v):
    """Albedo at face units (u, v)."""
    x, y = np.round(to_canvas(np.array([(u, v)]))[0]).astype(int)
    return layers.albedo[y, x]


def changed(before, layers):
    """Bounding box, in face units, of the pixels whose albedo was painted over: u0, u1, v0, v1."""
    rows, columns = np.nonzero(np.abs(layers.albedo - before.albedo).max(axis=-1) > 0.01)
    u, v = canvas()
    return u[0, columns.min()], u[0, columns.max()], v[rows.min(), 0], v[rows.max(), 0]


def test_paint_skin_tone(layers, person):
    np.testing.assert_allclose(layers.albedo.mean(axis=(0, 1)), person.skin, rtol=0.1)
    assert (layers.gloss >= 0.2).all()


def test_paint_skin_repeatable(layers, person):
    again = layers.copy()
    paint_skin(again, person)
    np.testing.assert_array_equal(again.albedo, layers.albedo)


def test_paint_wrinkles_deepen_with_age(layers, person):
    def depth(wrinkles):
        painted = layers.copy()
        paint_wrinkles(painted, dataclasses.replace(person, wrinkles=wrinkles), Expression())
        return float((layers.height - painted.height).sum())

    assert 0 < depth(0.0) < depth(0.5) < depth(1.2)


def test_paint_nostrils_are_dark_and_paired(layers, person):
    before = layers.copy()
    paint_nostrils(layers, person)
    v = 0.315 * person.nose_length
    for side in (-1, 1):
        assert at(layers, side * 0.1 * person.nose_width, v).mean() < 0.3 * at(before, 0, v).mean()


def test_paint_beard(layers, person):
    before = layers.copy()
    paint_beard(layers, person)
    np.testing.assert_array_equal(layers.albedo, before.albedo)
    paint_beard(layers, dataclasses.replace(person, beard=1.0, hair=np.zeros(3, np.float32)))
    assert at(layers, 0, 1.15 * person.face_length).mean() < 0.5 * at(before, 0, 1.15 * person.face_length).mean()
    np.testing.assert_allclose(at(layers, 0, -0.8), at(before, 0, -0.8))


@pytest.mark.parametrize(
    ("paint", "v0", "v1"), [(paint_eyes, -0.70, -0.0), (paint_brows, -1.05, -0.4), (paint_mouth, 0.2, 1.1)]
)
def test_features_stay_in_their_region(layers, person, paint, v0, v1):
    before = layers.copy()
    paint(layers, person, Expression(mouth_open=0.5, smile=0.5))
    left, right, top, bottom = changed(before, layers)
    assert v0 < top < bottom < v1 and -0.95 < left < -0.1 and 0.1 < right < 0.95


def test_paint_eyes_white_iris_and_pupil(layers, person):
    looking = dataclasses.replace(person, iris=np.array([0.05, 0.1, 0.4], np.float32))
    paint_eyes(layers, looking, Expression(lids=1.2))
    pupil = at(layers, looking.eye_spacing, -0.37).mean()
    white = max(at(layers, looking.eye_spacing + du, -0.36).mean() for du in np.linspace(0.1, 0.16, 7))
    assert pupil < 0.05 and white > 3 * pupil


def test_paint_glasses_only_on_those_who_wear_some(layers, person):
    before = layers.copy()
    paint_glasses(layers, person)
    np.testing.assert_array_equal(layers.albedo, before.albedo)
    paint_glasses(layers, dataclasses.replace(person, glasses=True))
    left, right, top, bottom = changed(before, layers)
    assert left < -0.6 and right > 0.6 and -0.8 < top < bottom < 0.1


def test_paint_hair_styles(layers, person):
    bald = dataclasses.replace(person, hair_style="bald")
    mask, _ = paint_hair(layers.copy(), bald)
    assert (mask == 0).all()
    mask, colour = paint_hair(layers, dataclasses.replace(person, hair_style="fringe"))
    assert mask.min() >= 0 and mask.max() <= 1 and colour.shape == (*mask.shape, 3)
    x, y = np.round(to_canvas(np.array([(0.0, -1.7), (0.0, 0.2)]))).astype(int).T
    assert mask[y[0], x[0]] > 0.9 and mask[y[1], x[1]] == 0  # the crown is covered, the nose is not


def test_hair_behind_long_styles_only(person):
    u, v = np.linspace(-2, 2, 9)[None, :], np.linspace(-2, 2, 9)[:, None]
    for style, covered in (("short", False), ("tied", False), ("long", True)):
        coverage = hair_behind(dataclasses.replace(person, gender="female", hair_style=style), u, v)
        assert coverage.shape == (9, 9) and bool(coverage.max() > 0.9) == covered
    assert hair_behind(dataclasses.replace(person, gender="male", hair_style="long"), u, v).max() == 0


def test_paint_ears_beside_the_head(layers, person):
    before = layers.copy()
    before.alpha = before.alpha.copy()
    paint_ears(layers, person)
    columns = np.nonzero((layers.alpha - before.alpha).max(axis=0) > 0.5)[0]
    u = canvas()[0][0]
    assert (np.abs(u[columns]) > 0.85).all() and (u[columns] < 0).any() and (u[columns] > 0).any()


def test_paint_backdrop_repeatable_and_positive():
    light = draw_light(np.random.default_rng(0))
    for seed in range(8):
        image, again = (paint_backdrop(64, light, np.random.default_rng(seed)) for _ in range(2))
        assert image.shape == (64, 64, 3) and np.isfinite(image).all() and image.min() >= 0
        np.testing.assert_array_equal(image, again)


def test_paint_body_below_the_jaw(person):
    shot = dataclasses.replace(draw_shot(np.random.default_rng(0)), yaw=0.0, centre=(FRAME / 2, FRAME / 2))
    bald = dataclasses.replace(person, hair_style="bald")
    scene = np.full((FRAME, FRAME, 3), -1.0, np.float32)
    paint_body(scene, bald, shot, np.random.default_rng(0))
    covered = (scene > -0.5).all(axis=-1)
    assert not covered[: FRAME // 2].any() and covered[-3:, FRAME // 4 : -FRAME // 4].all()
