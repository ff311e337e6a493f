"""Radial spectra: closed forms for noise, gratings and flat images."""

from __future__ import annotations

import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.imaging.power_spectrum import decibels, frequencies, radial_power, radial_spectrum


def test_radial_power_of_white_noise_is_its_variance():
    rng = np.random.default_rng(0)
    grey = np.clip(np.rint(rng.normal(128, 12, (60, 64, 64))), 0, 255).astype(np.uint8)
    power = radial_power(np.repeat(grey[..., None], 3, axis=3)).mean(axis=0)
    assert power == pytest.approx(np.full(32, 12.0**2 + 1 / 12), rel=0.12)
    assert power.mean() == pytest.approx(12.0**2 + 1 / 12, rel=0.02)


def test_radial_power_of_a_grating_peaks_at_its_frequency():
    x = np.arange(128)
    grey = np.rint(128 + 50 * np.sin(2 * np.pi * 0.25 * x)).astype(np.uint8)
    crop = np.broadcast_to(grey[None, :, None], (128, 128, 3))
    power = radial_power(crop[None])[0]
    assert frequencies(64)[power.argmax()] == pytest.approx(0.25)


def test_decibels_are_relative_to_low_frequencies():
    power = np.ones((1, 64))
    power[0, 4:] = 0.01
    assert decibels(power)[0, :4] == pytest.approx(np.zeros(4))
    assert decibels(power)[0, 4:] == pytest.approx(np.full(60, -20.0))
    assert np.isnan(decibels(np.zeros((1, 64)))).all()


def test_radial_spectrum_ignores_brightness_and_contrast():
    rng = np.random.default_rng(1)
    crop = rng.integers(100, 120, (128, 128, 3)).astype(np.uint8)
    np.testing.assert_allclose(radial_spectrum(crop), radial_spectrum((crop - 90) * 2), atol=0.05)
    assert np.isnan(radial_spectrum(np.full((128, 128, 3), 7, np.uint8))).all()


@pytest.mark.parametrize("size", [0, 31, 33, 30])
def test_radial_spectrum_invalid_size(size):
    with pytest.raises(InputError, match="even size of 32 pixels or more"):
        radial_spectrum(np.zeros((8, 8, 3), np.uint8), size)
