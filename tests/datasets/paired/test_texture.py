"""Texture in place of what a reconstruction lost: energy and spectrum stay, content goes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from aletheia.datasets.paired import texture
from aletheia.datasets.paired.texture import scrambled, with_texture


@pytest.fixture(scope="module")
def residual():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (96, 132, 3)).astype(np.float32)
    noise -= cv2.GaussianBlur(noise, (0, 0), 2)
    noise[:, 66:] *= 6  # weak on the left, strong on the right
    return noise


def test_scrambled_keeps_local_energy_and_forgets_the_content(residual):
    drawn = scrambled(residual, np.random.default_rng(1))
    assert drawn.shape == residual.shape
    for part in (np.s_[:, :58], np.s_[:, 74:]):
        assert np.mean(drawn[part] ** 2) == pytest.approx(np.mean(residual[part] ** 2), rel=0.1)
    assert abs(np.corrcoef(drawn.ravel(), residual.ravel())[0, 1]) < 0.05
    same = scrambled(residual, np.random.default_rng(1))
    np.testing.assert_array_equal(drawn, same)
    assert np.abs(drawn - scrambled(residual, np.random.default_rng(2))).max() > 1


def test_scrambled_keeps_the_spectrum(residual):
    def bands(x):
        power = np.abs(np.fft.fft2(x[:, 74:], axes=(0, 1))) ** 2
        fy, fx = np.fft.fftfreq(x.shape[0])[:, None], np.fft.fftfreq(58)[None]
        ring = np.clip((np.hypot(fy, fx) * 8).astype(int), 0, 4)
        return np.array([power[ring == k].mean() for k in range(1, 5)])

    np.testing.assert_allclose(bands(scrambled(residual, np.random.default_rng(1))), bands(residual), rtol=0.2)


def test_scrambled_without_a_residual_is_nothing():
    assert np.abs(scrambled(np.zeros((13, 7, 3), np.float32), np.random.default_rng(0))).max() == 0
    # Of a flat shift nothing is left: it would become blotches.
    assert np.abs(scrambled(np.full((16, 16, 3), 9, np.float32), np.random.default_rng(0))[4:-4, 4:-4]).max() < 9


def test_with_texture_has_the_originals_sharpness(portraits):
    rgb = portraits[3][0]
    blurred = cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), 1.0)

    def sharpness(picture):
        grey = cv2.cvtColor(np.asarray(picture, np.float32), cv2.COLOR_RGB2GRAY)
        return cv2.Laplacian(grey, cv2.CV_32F).var()

    restored = with_texture(blurred, rgb, np.random.default_rng(0))
    assert restored.dtype == np.uint8
    assert sharpness(blurred) < 0.5 * sharpness(rgb)
    assert sharpness(restored) == pytest.approx(sharpness(rgb), rel=0.1)
    # Not sharpened beyond the original, and nothing added where nothing is lost.
    np.testing.assert_array_equal(with_texture(rgb.astype(np.float32), rgb, np.random.default_rng(0)), rgb)


def test_scrambled_in_bands_is_scrambled_at_once(residual, monkeypatch):
    """Memory must not grow with the picture; the draws are the same, whatever the bands."""
    at_once = scrambled(residual, np.random.default_rng(1))
    monkeypatch.setattr(texture, "_BAND", 20)
    np.testing.assert_array_equal(scrambled(residual, np.random.default_rng(1)), at_once)
