"""Crops: the three policies against geometry worked out by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from aletheia.errors import InputError
from aletheia.faces.crop import alignment, crop_face
from aletheia.faces.detector import Face

# Eyes, nose, mouth of an upright face in a box of side 1, as the crop module's template has them.
UPRIGHT = np.array([(0.30, 0.335), (0.70, 0.335), (0.50, 0.586), (0.50, 0.769), (0.1, 0.4), (0.9, 0.4)])


def a_face(x0, y0, side, turn=0.0):
    points = UPRIGHT - 0.5
    turned = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + 0.5
    box = np.array((x0, y0, x0 + side, y0 + side), np.float32)
    return Face(box, (turned * side + (x0, y0)).astype(np.float32), 0.9)


@pytest.fixture
def ramp():
    """Red is x, green is y, so that a pixel tells where it came from."""
    y, x = np.mgrid[0:200, 0:240]
    return np.dstack([x, y, 0 * x]).astype(np.uint8)


def test_scale_takes_the_box_with_its_margin(ramp):
    crop = crop_face(ramp, a_face(60, 50, 50), 70, margin=0.2)
    np.testing.assert_array_equal(crop, ramp[40:110, 50:120])


def test_scale_mirrors_at_the_rim_and_stays_isotropic(ramp):
    crop = crop_face(ramp, a_face(0, 50, 50), 70, margin=0.2)
    np.testing.assert_array_equal(crop[:, 10:], ramp[40:110, 0:60])
    np.testing.assert_array_equal(crop[:, :10], ramp[40:110, 10:0:-1])


def test_tight_stretches_what_there_is(ramp):
    crop = crop_face(ramp, a_face(-20, 50, 50), 64, margin=0.0, policy="tight")
    reference = cv2.resize(ramp[50:100, 0:30], (64, 64), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_array_equal(crop, reference)


@pytest.mark.parametrize("policy", ["scale", "tight", "aligned"])
@pytest.mark.parametrize("side", [12, 60, 500])
def test_shape_whatever_the_box(policy, side):
    rgb = np.random.default_rng(0).integers(0, 255, (300, 280, 3), dtype=np.uint8)
    crop = crop_face(rgb, a_face(40, 30, side), 96, policy=policy)
    assert crop.shape == (96, 96, 3)
    assert crop.dtype == np.uint8
    assert crop.flags.c_contiguous


@pytest.mark.parametrize("turn", [0.0, 0.3, -0.8])
@pytest.mark.parametrize("side", [40, 90, 600])
def test_aligned_puts_the_eyes_where_they_belong(turn, side):
    scene = np.zeros((1000, 1000, 3), np.uint8)
    face = a_face(150, 170, side, turn)
    for k, point in enumerate(face.keypoints[:3]):
        # Keypoints count from pixel edges, OpenCV from pixel centres.
        centre = tuple(round(float(c - 0.5) * 16) for c in point)
        colour = [0, 0, 0]
        colour[k] = 255
        cv2.circle(scene, centre, round(side * 0.05 * 16), colour, -1, cv2.LINE_AA, shift=4)
    crop = crop_face(scene, face, 128, margin=0.2, policy="aligned").astype(float)
    y, x = np.mgrid[0:128, 0:128] + 0.5
    for k in range(3):
        weight = crop[..., k]
        found = np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()
        np.testing.assert_allclose(found, (UPRIGHT[k] + 0.2) / 1.4 * 128, atol=0.2)


def test_alignment_is_the_least_squares_similarity():
    rng = np.random.default_rng(0)
    points = UPRIGHT * 80 + rng.normal(0, 4, (6, 2))
    matrix = alignment(points, 100, 0.1)
    target = (UPRIGHT[:4] + 0.1) / 1.2 * 100
    # The same as a linear least-squares problem in (a, b, tx, ty), rows weighted by the root of the weights.
    rows, right = [], []
    for (x, y), (u, v), weight in zip(points[:4], target, (2, 2, 1, 1), strict=True):
        rows += [np.sqrt(weight) * np.array((x, -y, 1, 0)), np.sqrt(weight) * np.array((y, x, 0, 1))]
        right += [np.sqrt(weight) * u, np.sqrt(weight) * v]
    a, b, tx, ty = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]
    np.testing.assert_allclose(matrix, [[a, -b, tx], [b, a, ty]], atol=1e-4)  # the template is float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"policy": "oval"}, "no face policy"), ({"size": 4}, "crop size"), ({"margin": -1}, "margin")],
)
def test_settings_that_do_not_fit(ramp, changes, message):
    with pytest.raises(InputError, match=message):
        crop_face(ramp, a_face(10, 10, 50), **{"size": 64, **changes})


def test_a_box_outside_of_the_picture(ramp):
    with pytest.raises(InputError, match="outside"):
        crop_face(ramp, a_face(900, 10, 50), 64)


def test_keypoints_in_one_place(ramp):
    face = Face(np.array((10, 10, 60, 60), np.float32), np.full((6, 2), 30, np.float32), 0.9)
    with pytest.raises(InputError, match="cannot be aligned"):
        crop_face(ramp, face, 64, policy="aligned")
