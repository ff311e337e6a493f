"""Forgeries change the inner face alone, each in the way its paper describes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from aletheia.datasets.synthetic.cameras import CAMERAS, capture
from aletheia.datasets.synthetic.faces import render
from aletheia.datasets.synthetic.forgeries import (
    STAGES,
    _kernels,
    _pyramid_blend,
    face_mask,
    face_swap,
    self_blended,
    upsample_network,
    upsampled,
)
from aletheia.datasets.synthetic.people import draw_people
from aletheia.datasets.synthetic.scene import draw_shot


@pytest.fixture(scope="module")
def scene():
    people = draw_people(6, "cam-a", seed=8)
    shot = draw_shot(np.random.default_rng(2))
    clean, points = render(people[0], shot)
    donor, donor_points = render(people[1], shot, head_only=True)
    image = capture(clean, CAMERAS["cam-a"], np.random.default_rng(3))
    return image, points, donor * np.float32(255), donor_points


def forge(name, scene, seed=0):
    image, points, donor, donor_points = scene
    rng = np.random.default_rng(seed)
    if name == "self-blended":
        return self_blended(image, points, rng)
    if name == "upsampled":
        return upsampled(image, points, rng)
    return face_swap(image, points, donor, donor_points, rng)


@pytest.mark.parametrize("name", ["self-blended", "face-swap", "upsampled"])
@pytest.mark.parametrize("seed", range(4))
def test_forgery_changes_the_face_only(scene, name, seed):
    image, points = scene[:2]
    fake = forge(name, scene, seed)
    assert fake.shape == image.shape
    assert np.isfinite(fake).all()
    change = np.abs(fake - image).max(axis=-1)
    outline = points["outline"]
    inside = np.zeros(change.shape, np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(np.concatenate([outline, points["brows"]]).astype(np.int32)), 1)
    near = cv2.dilate(inside, np.ones((49, 49), np.uint8)) > 0
    assert change[~near].max() < 1.0
    core = face_mask(change.shape, points, np.random.default_rng(0)) > 0
    core = cv2.erode(core.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
    assert change[core].mean() > 1.0


@pytest.mark.parametrize("name", ["self-blended", "face-swap", "upsampled"])
def test_forgery_keeps_mean_brightness(scene, name):
    shifts = [float((forge(name, scene, seed) - scene[0]).mean()) for seed in range(8)]
    assert abs(np.mean(shifts)) < 1.5
    assert np.abs(shifts).max() < 5


def test_face_swap_resembles_the_donor(scene):
    image, points, donor, _ = scene
    core = cv2.erode(face_mask(image.shape[:2], points, np.random.default_rng(0)), np.ones((31, 31)))
    rows, columns = np.nonzero(core > 0)

    def likeness(picture):
        smooth = cv2.GaussianBlur(picture.mean(axis=-1), (0, 0), 2)
        reference = cv2.GaussianBlur(donor.mean(axis=-1), (0, 0), 2)
        return np.corrcoef(smooth[rows, columns], reference[rows, columns])[0, 1]

    assert likeness(forge("face-swap", scene, 1)) > likeness(image) + 0.02


def test_upsample_network_brightness_and_place():
    flat = np.full((16, 16, 3), 100, np.float32)
    up = upsample_network(flat, _kernels(0))
    assert up.shape == (16 * 2**STAGES,) * 2 + (3,)
    assert abs(up[8:-8, 8:-8].mean() - 100) < 1
    # A dot in the middle of pixel (8, 8) comes out with its weight in the middle of the enlarged pixel.
    dot = np.zeros((16, 16, 3), np.float32)
    dot[8, 8] = 1
    up = upsample_network(dot, _kernels(0))[..., 0]
    y, x = np.mgrid[0 : up.shape[0], 0 : up.shape[1]] + 0.5
    assert abs((y * up).sum() / up.sum() - 8.5 * 2**STAGES) < 0.4
    assert abs((x * up).sum() / up.sum() - 8.5 * 2**STAGES) < 0.4


def test_upsample_network_spectral_peaks():
    rng = np.random.default_rng(0)
    small = cv2.GaussianBlur(rng.uniform(0, 255, (32, 32, 3)).astype(np.float32), (0, 0), 2)
    size = 32 * 2**STAGES
    made, plain = upsample_network(small, _kernels(0)), cv2.resize(small, (size, size))
    nyquist = [size // 2**k for k in range(1, STAGES + 1)]  # a checkerboard of each stage

    def peaks(picture):
        spectrum = np.abs(np.fft.fft2(picture[..., 1] - picture[..., 1].mean()))
        return sum(spectrum[0, k] + spectrum[k, 0] for k in nyquist) / spectrum.sum()

    assert peaks(made) > 5 * peaks(plain)


def test_pyramid_blend_extremes():
    rng = np.random.default_rng(1)
    a, b = (rng.uniform(0, 255, (64, 64, 3)).astype(np.float32) for _ in range(2))
    np.testing.assert_allclose(_pyramid_blend(a, b, np.ones((64, 64), np.float32)), a, atol=1e-2)
    np.testing.assert_allclose(_pyramid_blend(a, b, np.zeros((64, 64), np.float32)), b, atol=1e-2)
