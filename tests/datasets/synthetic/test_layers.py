"""The canvas and its brushes."""

from __future__ import annotations

import numpy as np
import pytest

from aletheia.datasets.synthetic.head import PIXELS_PER_UNIT, canvas, to_canvas
from aletheia.datasets.synthetic.layers import Layers, noise, step, window


@pytest.fixture
def layers():
    return Layers(np.full((4, 5, 3), 0.5, np.float32), np.zeros((4, 5)), np.zeros((4, 5)), np.ones((4, 5)))


def test_blend_mixes_by_the_mask(layers):
    layers.blend(np.full((2, 2), 0.25), np.array([1.0, 0.5, 0.0]), np.s_[1:3, 1:3])
    np.testing.assert_allclose(layers.albedo[1:3, 1:3], np.broadcast_to([0.625, 0.5, 0.375], (2, 2, 3)))
    assert (layers.albedo[0] == 0.5).all() and (layers.albedo[:, 3:] == 0.5).all()


def test_copy_is_independent(layers):
    copy = layers.copy()
    copy.albedo += 1
    copy.height += 1
    assert (layers.albedo == 0.5).all() and (layers.height == 0).all()


def test_step():
    np.testing.assert_allclose(step(np.array([-1.0, -0.25, 0.0, 0.25, 1.0]), 1.0), [0, 0.25, 0.5, 0.75, 1])


@pytest.mark.parametrize("cell", [1, 4.5, 20])
def test_noise_has_unit_variance_and_its_grain(cell):
    values = noise(np.random.default_rng(0), (120, 150), cell)
    assert values.shape == (120, 150) and values.std() == pytest.approx(1, abs=1e-4)
    neighbours = np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel())[0, 1]
    assert neighbours > 0.8 if cell > 1 else abs(neighbours) < 0.05


def test_window_surrounds_its_point():
    (rows, columns), du, dv = window(0.4, -0.35, 0.2, 0.1)
    x, y = to_canvas(np.array([(0.4, -0.35)]))[0]
    assert rows.start <= y <= rows.stop and columns.start <= x <= columns.stop
    assert rows.stop - rows.start == pytest.approx(0.2 * PIXELS_PER_UNIT, abs=2)
    u, v = canvas()
    np.testing.assert_allclose(du + 0.4, u[:, columns], atol=1e-6)
    np.testing.assert_allclose(dv - 0.35, v[rows], atol=1e-6)
