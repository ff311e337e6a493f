"""The finest texture, which an autoencoder loses: given back in energy and spectrum, not in what it shows.

Without it a reconstruction is smoother than its original, and sharpness alone tells the two apart.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.fft import irfft2, rfft2

from aletheia.core.arrays import Array

_BLOCK, _HOP = 8, 4  # pixels: blocks overlap by half
_BAND = 1 << 14  # blocks that are transformed at a time, or those of one row: memory does not grow with the picture
_WINDOW = np.sin(np.pi * (np.arange(_BLOCK) + 0.5) / _BLOCK)  # its square, shifted by half, adds up to 1


def scrambled(residual: Array, rng: np.random.Generator) -> Array:
    """Draw a texture with the local spectrum of another one.

    In overlapping blocks of 8 x 8 pixels the phases of the Fourier transform are drawn at random, turned alike in all
    channels; the amplitudes stay. (Surrogate data: Theiler et al., Physica D 1992; here locally.)

    Parameters
    ----------
    residual : (H, W, C) float32

    Returns
    -------
    (H, W, C) float32
        Uncorrelated with `residual` in expectation; without what varies more slowly than over a block.
    """
    height, width, channels = residual.shape
    residual = residual - cv2.GaussianBlur(residual, (0, 0), _BLOCK / 2)  # it would become blotches
    padded = np.pad(
        residual,
        ((_HOP, _HOP + -height % _HOP), (_HOP, _HOP + -width % _HOP), (0, 0)),
        mode="symmetric",
    ).astype(np.float32)
    out = np.zeros_like(padded)
    window = np.outer(_WINDOW, _WINDOW).astype(np.float32)[:, :, None]
    # Four sets of blocks side by side, each shifted by half a block down, across, or both.
    for top in (0, _HOP):
        for left in (0, _HOP):
            columns = (padded.shape[1] - left) // _BLOCK
            across = np.s_[left : left + columns * _BLOCK]
            last, step = (padded.shape[0] - top) // _BLOCK, max(_BAND // columns, 1)
            for first in range(0, last, step):
                rows = min(step, last - first)
                part = np.s_[top + first * _BLOCK : top + (first + rows) * _BLOCK, across]
                blocks = padded[part].reshape(rows, _BLOCK, columns, _BLOCK, channels).transpose(0, 2, 1, 3, 4)
                spectrum = rfft2(blocks * window, axes=(2, 3))
                # The phases of a real block's transform: so the product is that of a real block, too.
                phases = rfft2(rng.standard_normal((rows, columns, _BLOCK, _BLOCK, 1), np.float32), axes=(2, 3))
                phases /= np.maximum(np.abs(phases), 1e-9)
                drawn = irfft2(spectrum * phases, s=(_BLOCK, _BLOCK), axes=(2, 3)) * window
                out[part] += drawn.transpose(0, 2, 1, 3, 4).reshape(rows * _BLOCK, columns * _BLOCK, channels)
    # Four independent draws meet at each pixel, each of half the amplitude: their energies add up, not their values.
    return 2 * out[_HOP : _HOP + height, _HOP : _HOP + width]


def with_texture(reconstructed: Array, original: Array, rng: np.random.Generator) -> Array:
    """Give a reconstruction texture in place of what it lost.

    What is missing, the difference of the two, is scrambled (:func:`scrambled`) and added with the factor by which the
    energy of the Laplacian becomes the original's.

    Parameters
    ----------
    reconstructed : (H, W, 3) float32
        0..255.
    original : (H, W, 3) uint8

    Returns
    -------
    (H, W, 3) uint8
    """
    texture = scrambled(original - reconstructed, rng)
    gain = _gain(_laplacian(original), _laplacian(reconstructed), _laplacian(texture))
    return np.asarray(np.clip(np.round(reconstructed + gain * texture), 0, 255), np.uint8)


def _laplacian(rgb: Array) -> Array:
    grey = cv2.cvtColor(rgb.astype(np.float32), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.Laplacian(grey, cv2.CV_32F), np.float64)


def _gain(wanted: Array, present: Array, texture: Array) -> np.float32:
    """Solve mean((present + gain * texture)^2) = mean(wanted^2) for the larger gain, 0 to 2."""
    a, b, c = np.mean(texture**2), np.mean(present * texture), np.mean(present**2) - np.mean(wanted**2)
    if a < 1e-9 or c >= 0:
        return np.float32(0)
    return np.float32(np.clip((-b + np.sqrt(b * b - a * c)) / a, 0, 2))
