"""Radial power spectra: the two-dimensional spectra of crops, averaged over rings."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.fft import rfft2
from scipy.sparse import csr_matrix

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.imaging.transforms import resize_rgb

#: Side that crops are brought to, pixels.
SIZE = 128
#: Every spectrum is given relative to its own mean power up to this frequency, cycles per pixel.
REFERENCE = 1 / 32
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as in JPEG
_FLOOR = 1e-3  # grey levels squared, well below the 1/12 of rounding: keeps logarithms finite


def frequencies(bins: int) -> Array:
    """Compute the frequencies of a spectrum's bins, cycles per pixel: (bins,), from 0.5 / bins to 0.5."""
    centres: Array = np.arange(1, bins + 1) / (2 * bins)
    return centres


def radial_power(crops: Array) -> Array:
    """Compute the power spectral density of the luma, averaged over directions.

    The mean is removed, a Hann window applied in both directions (against the jump between opposite edges), and the
    squared modulus divided by the window's energy: independent noise of variance v has density v at every frequency.
    Coefficients whose frequency, in units of 1 / side, rounds to k make up ring k. The corners beyond 0.5 cycles per
    pixel, where only diagonals go, are left out, and so is the mean (k = 0).

    Parameters
    ----------
    crops : ndarray
        (n, size, size, 3) uint8 RGB.

    Returns
    -------
    ndarray
        (n, size // 2) float32, grey levels squared, at `frequencies`.
    """
    window, rings = _rings(crops.shape[1])
    luma = crops @ _LUMA
    luma -= luma.mean(axis=(1, 2), keepdims=True)
    spectrum = rfft2(luma * window)
    power = spectrum.real**2 + spectrum.imag**2
    means: Array = (rings @ power.reshape(len(crops), -1).T).T
    return means


def decibels(power: Array) -> Array:
    """Express densities (n, bins) in dB relative to those of the low frequencies, float32; NaN where all are zero."""
    low = power[:, frequencies(power.shape[1]) <= REFERENCE].mean(axis=1, keepdims=True)
    relative = 10 * np.log10(np.maximum(power, _FLOOR) / np.maximum(low, _FLOOR))
    levels: Array = np.where((power > _FLOOR).any(axis=1, keepdims=True), relative, np.nan).astype(np.float32)
    return levels


def radial_spectrum(rgb: Array, size: int = SIZE) -> Array:
    """Compute the azimuthally averaged log power spectrum of a crop, relative to its own low frequencies.

    Removing the mean removes brightness, the reference removes contrast: the mean power up to 1/32 cycles per pixel is
    0 dB.

    Parameters
    ----------
    rgb : ndarray
        (H, W, 3) uint8; resized where it is not square or of another size, which changes its spectrum. A crop that
        is smaller than `size` lacks the highest frequencies.
    size : int
        Even, from 32 on.

    Returns
    -------
    ndarray
        (size // 2,) float32, decibels, at `frequencies`; NaN throughout for an image of one colour.

    Raises
    ------
    InputError
        For another size.
    """
    check_size(size)
    (spectrum,) = decibels(radial_power(resize_rgb(rgb, size)[None]))
    return np.asarray(spectrum)


def check_size(size: int) -> None:
    """Refuse, by InputError, a size that a spectrum cannot be taken of."""
    if size < 32 or size % 2:
        raise InputError(f"A spectrum needs an even size of 32 pixels or more, not {size}.")


@lru_cache(maxsize=4)
def _rings(size: int) -> tuple[Array, csr_matrix]:
    """Build the window (size, size), and the means over rings as a matrix (size // 2, size * (size // 2 + 1))."""
    # The periodic form, as the Fourier transform assumes.
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    window = np.outer(hann, hann).astype(np.float32)
    across = np.arange(size // 2 + 1)
    down = np.fft.fftfreq(size, 1 / size)
    ring = np.rint(np.hypot(down[:, None], across[None, :])).astype(np.int64).ravel()
    # The half that rfft2 leaves out mirrors the columns in between.
    times = np.tile(np.where((across == 0) | (across == size // 2), 1.0, 2.0), size)
    cells = np.flatnonzero((ring >= 1) & (ring <= size // 2))
    rows = ring[cells] - 1
    weights = times[cells] / np.bincount(rows, weights=times[cells])[rows] / np.sum(window.astype(np.float64) ** 2)
    return window, csr_matrix((weights.astype(np.float32), (rows, cells)), shape=(size // 2, len(ring)))
