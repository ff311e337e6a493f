"""Corruptions of a face crop: compression, scaling, blur, noise, cropping, screenshots."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.imaging.transforms import as_resaved

#: Blurs are given for a face of this side, in pixels, and grow with the crop.
BLUR_SIDE = 96
#: JPEG quality of each of a row of screenshots.
SCREEN_QUALITY = 85


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption, in several severities.

    Attributes
    ----------
    key, name : str
        Identifier in tables; name in figures.
    unit : str
        Unit of the severities.
    severities : tuple of float
        From mild to harsh; 0 always means "as it is".
    change : callable
        Maps (crop, severity, seed) to the corrupted crop, (H, W, 3) uint8 both.
    """

    key: str
    name: str
    unit: str
    severities: tuple[float, ...]
    change: Callable[[Array, float, int], Array]

    def __call__(self, crop: Array, severity: float, seed: int = 0) -> Array:
        """Corrupt a copy of a crop (H, W, 3) uint8 RGB; the result has the same size.

        Random draws depend on the seed and the crop's pixels only, not on its row in a table.

        Raises
        ------
        InputError
            For an array of another shape or type.
        """
        if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8 or 0 in crop.shape:
            raise InputError(f"A face crop must be (height, width, 3) uint8, not {crop.shape} {crop.dtype}.")
        return crop if severity == 0 else self.change(crop, severity, seed)


def compress(crop: Array, quality: float, seed: int = 0) -> Array:
    """Save as JPEG with chroma 4:2:0, and decode again; quality 1 to 100."""
    return as_resaved(crop, int(quality))


def scale_down(crop: Array, share: float, seed: int = 0) -> Array:
    """Shrink to a share of the side, 0 to 1, and enlarge again."""
    height, width = crop.shape[:2]
    return _resize(_resize(crop, width * share, height * share), width, height)


def blur(crop: Array, sigma: float, seed: int = 0) -> Array:
    """Apply a Gaussian blur of `sigma` pixels on a face of `BLUR_SIDE` pixels, in proportion on other sizes."""
    sigma = sigma * min(crop.shape[:2]) / BLUR_SIDE
    # On uint8 OpenCV rounds the kernel, too, and truncates it at three sigma.
    blurred: Array = np.rint(cv2.GaussianBlur(crop.astype(np.float32), (0, 0), sigma)).astype(np.uint8)
    return blurred


def add_noise(crop: Array, sigma: float, seed: int = 0) -> Array:
    """Add independent Gaussian noise of `sigma` grey levels to each channel; the same pattern at every level."""
    noise = _generator(crop, seed).standard_normal(crop.shape, dtype=np.float32)
    noisy: Array = np.clip(np.rint(crop + np.float32(sigma) * noise), 0, 255).astype(np.uint8)
    return noisy


def crop_centre(crop: Array, share: float, seed: int = 0) -> Array:
    """Keep the middle `share` (0 to 1) of both sides, and enlarge it to the whole."""
    height, width = crop.shape[:2]
    inner_height, inner_width = max(1, round(height * share)), max(1, round(width * share))
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    return _resize(crop[top : top + inner_height, left : left + inner_width], width, height)


def screenshots(crop: Array, times: float, seed: int = 0) -> Array:
    """Show on a screen, take a screenshot and save it; several times in a row.

    Each time: scaled by a factor between 0.74 and 0.92 or 1.08 and 1.35, which fits no grid of pixels; a gamma
    between 0.9 and 1.1; JPEG of quality 85; and back to the crop's size. The first steps of a longer chain are
    those of a shorter one.
    """
    height, width = crop.shape[:2]
    rng = _generator(crop, seed)
    for _ in range(int(times)):
        factor = np.exp(rng.choice((-1, 1)) * rng.uniform(0.08, 0.3))
        gamma = np.exp(rng.uniform(-0.1, 0.1))
        curve = np.rint(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
        shown = cv2.LUT(_resize(crop, width * factor, height * factor), curve)
        crop = _resize(compress(shown, SCREEN_QUALITY), width, height)
    return crop


CORRUPTIONS = {
    corruption.key: corruption
    for corruption in (
        Corruption("jpeg", "JPEG compression", "quality", (95, 90, 80, 70, 60, 50, 40, 30), compress),
        Corruption("scale", "Scaled down and back", "share of the side", (0.9, 0.75, 0.5, 0.33, 0.25), scale_down),
        Corruption("blur", "Gaussian blur", f"sigma in pixels of a {BLUR_SIDE} px face", (0.5, 1, 1.5, 2, 3), blur),
        Corruption("noise", "Gaussian noise", "sigma in grey levels", (2, 4, 8, 12, 16), add_noise),
        Corruption("crop", "Cropped and enlarged", "share of the side kept", (0.95, 0.9, 0.8, 0.7), crop_centre),
        Corruption("screenshot", "Screenshots", "times in a row", (1, 2, 3, 4), screenshots),
    )
}


def _generator(crop: Array, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(np.ascontiguousarray(crop).data)])


def _resize(crop: Array, width: float, height: float) -> Array:
    """Resize as `aletheia.imaging.transforms.resize_rgb` does, to any width and height."""
    size = max(1, round(width)), max(1, round(height))
    shrinks = size[0] * size[1] < crop.shape[0] * crop.shape[1]
    return cv2.resize(crop, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
