"""Deliveries of a crop against other libraries and closed forms."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from aletheia.core.errors import InputError
from aletheia.imaging.corruptions import CORRUPTIONS, add_noise, blur, compress, crop_centre, scale_down


def picture(height: int = 96, width: int = 96, seed: int = 0) -> np.ndarray:
    """Smooth shapes in colour with some grain."""
    rng = np.random.default_rng(seed)
    shapes = cv2.GaussianBlur(rng.normal(0, 400, (height, width, 3)), (0, 0), 5)
    return np.clip(128 + shapes + rng.normal(0, 5, shapes.shape), 0, 255).astype(np.uint8)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - np.asarray(b, dtype=float)).mean())


@pytest.mark.parametrize("shape", [(96, 96), (61, 47), (5, 3)])
@pytest.mark.parametrize("operation", CORRUPTIONS.values(), ids=list(CORRUPTIONS))
def test_corruptions_keep_size_and_input(operation, shape):
    crop = picture(*shape)
    before = crop.copy()
    for severity in operation.severities:
        out = operation(crop, severity)
        assert out.shape == crop.shape and out.dtype == np.uint8
        np.testing.assert_array_equal(out, operation(crop, severity))
    np.testing.assert_array_equal(crop, before)
    np.testing.assert_array_equal(operation(crop, 0), crop)


@pytest.mark.parametrize("name", ["jpeg", "scale", "blur", "noise", "crop"])
def test_corruptions_grow_with_severity(name):
    crop, operation = picture(), CORRUPTIONS[name]
    away = [difference(operation(crop, severity), crop) for severity in operation.severities]
    assert away[0] > 0.2 and np.all(np.diff(away) > 0)


def test_corruption_invalid_arrays():
    for wrong in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3)), np.zeros((8, 0, 3), np.uint8)):
        with pytest.raises(InputError, match="face crop"):
            CORRUPTIONS["blur"](wrong, 1)


def test_compress_against_pillow():
    crop = picture()

    def pillow(quality, chroma):
        file = io.BytesIO()
        Image.fromarray(crop).save(file, "jpeg", quality=quality, subsampling=chroma)
        return np.asarray(Image.open(file))

    assert CORRUPTIONS["jpeg"].severities == (95, 90, 80, 70, 60, 50, 40, 30)
    for quality in CORRUPTIONS["jpeg"].severities:
        own = compress(crop, quality)
        near = {q: difference(own, pillow(q, "4:2:0")) for q in range(quality - 3, quality + 4)}
        assert min(near, key=near.get) == quality and near[quality] < 0.3
        assert difference(own, pillow(quality, "4:4:4")) > near[quality]


@pytest.mark.parametrize("side", [96, 192])
@pytest.mark.parametrize("sigma", CORRUPTIONS["blur"].severities)
def test_blur_transfer_function(sigma, side):
    # A grating of 6 sigma keeps exp(-2 pi^2 / 36) of its height, if not for the kernel's aliases where it is narrow.
    pixels = sigma * side / 96
    x = np.arange(36 * 8)
    wave = np.cos(2 * np.pi * x / (6 * pixels))
    crop = np.broadcast_to((128 + 100 * wave)[None, :, None], (side, len(x), 3)).round().astype(np.uint8)
    inner = slice(72, 72 + 144)  # whole periods, away from the border
    found = 2 * np.mean((blur(crop, sigma)[side // 2, inner, 0] - 128.0) * wave[inner])
    alias = np.arange(-5, 6)
    kept, all_of_it = (np.exp(-2 * (np.pi * pixels * (f + alias)) ** 2).sum() for f in (1 / (6 * pixels), 0))
    assert found == pytest.approx(100 * kept / all_of_it, rel=0.005)


@pytest.mark.parametrize("sigma", CORRUPTIONS["noise"].severities)
def test_add_noise_standard_deviation(sigma):
    grey = np.full((256, 256, 3), 128, np.uint8)
    noise = add_noise(grey, sigma).astype(float) - 128
    assert noise.std() == pytest.approx(np.sqrt(sigma**2 + 1 / 12), rel=0.01)  # rounding adds 1/12
    assert abs(noise.mean()) < 4 * sigma / np.sqrt(noise.size)
    assert np.abs(np.corrcoef(noise.reshape(-1, 3).T) - np.eye(3)).max() < 0.02
    stronger = add_noise(grey, 2 * sigma).astype(float) - 128
    assert np.corrcoef(noise.ravel(), stronger.ravel())[0, 1] > 0.97


def test_corruption_draws_by_seed_and_pixels():
    crop, other = picture(), picture()
    other[0, 0] ^= 1
    for name in ("noise", "screenshot"):
        changed = [CORRUPTIONS[name](c, 2, seed).astype(int) for c, seed in ((crop, 0), (crop, 1), (other, 0))]
        assert difference(changed[0], changed[1]) > 0.5 and difference(changed[0], changed[2]) > 0.5
        np.testing.assert_array_equal(changed[0], CORRUPTIONS[name](crop, 2, 0))


def test_scale_down_and_crop_centre_against_pillow():
    crop = picture()
    image = Image.fromarray(crop)
    half = image.resize((48, 48), Image.Resampling.BOX).resize((96, 96), Image.Resampling.BILINEAR)
    assert np.abs(scale_down(crop, 0.5).astype(int) - np.asarray(half)).max() <= 2
    inner = image.crop((9, 9, 86, 86)).resize((96, 96), Image.Resampling.BILINEAR)
    assert np.abs(crop_centre(crop, 0.8).astype(int) - np.asarray(inner)).max() <= 2


def test_screenshots_change_tones_and_grain():
    low, high = 255 * (100 / 255) ** np.exp([0.1, -0.1])
    levels = set()
    for seed in range(20):
        out = CORRUPTIONS["screenshot"](np.full((96, 96, 3), 100, np.uint8), 1, seed)
        assert low - 1.5 <= out.min() and out.max() <= high + 1.5
        levels.add(int(out[0, 0, 0]))
    assert min(levels) < 97 and max(levels) > 103
    grain = add_noise(np.full((96, 96, 3), 128, np.uint8), 16)
    spread = [CORRUPTIONS["screenshot"](grain, times).std() for times in (0, 1, 2, 3, 4)]
    assert np.all(np.diff(spread) < 0) and spread[4] < 0.6 * spread[0]
