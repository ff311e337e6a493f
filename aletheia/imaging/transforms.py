"""Resizing, augmentation and normalisation, always in this order: the first two on uint8, the last to float32.

Resizing first keeps the work small, and noise added to uint8 has the intended range. The steps that training
and scoring must share (`resize_rgb`, `normalise`) are defined here once.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import cv2
import numpy as np

from aletheia.core.arrays import Array

if TYPE_CHECKING:
    import albumentations
    import torch

# Channel statistics of ImageNet, of RGB in [0, 1].
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

#: Strengths of `augment_batch`, in ascending order.
LEVELS = ("none", "light", "strong")


def resize_rgb(rgb: Array, size: int) -> Array:
    """Resize an image to a square; an image of that size is returned unchanged.

    Parameters
    ----------
    rgb : ndarray
        (H, W, 3) uint8.
    size : int
        Side of the result in pixels.

    Returns
    -------
    ndarray
        (size, size, 3) uint8. Shrinking averages over areas (no aliasing), enlarging interpolates linearly.
    """
    if rgb.shape[:2] == (size, size):
        return rgb
    shrinks = rgb.shape[0] * rgb.shape[1] > size * size
    return cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def drawn_quality(rgb: Array, low: int, high: int) -> int:
    """Draw a JPEG quality between `low` and `high` (inclusive) from the pixels alone.

    The same face gets the same quality wherever it is saved; its label, path and order play no part.
    """
    digest = hashlib.sha256(np.ascontiguousarray(rgb).tobytes()).digest()
    return low + int.from_bytes(digest[:8]) % (high - low + 1)


def resaved(rgb: Array, quality: int | None, resolution: int = 0) -> bytes:
    """Encode a face crop as a file: shrunk to a resolution and enlarged again, then compressed.

    Parameters
    ----------
    rgb : ndarray
        (size, size, 3) uint8.
    quality : int or None
        Of the JPEG, 1 to 100, chroma 4:2:0; None gives a PNG.
    resolution : int
        Side in pixels that the image is shrunk to; 0, or a value not below its own side, leaves it.

    Returns
    -------
    bytes
        Content of a JPEG or PNG file of the same size.
    """
    if 0 < resolution < len(rgb):
        rgb = resize_rgb(resize_rgb(rgb, resolution), len(rgb))
    if quality:
        chroma = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
        suffix, options = ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality, *chroma]
    else:
        suffix, options = ".png", [cv2.IMWRITE_PNG_COMPRESSION, 1]
    return cv2.imencode(suffix, np.ascontiguousarray(rgb[..., ::-1]), options)[1].tobytes()


def as_resaved(rgb: Array, quality: int | None, resolution: int = 0) -> Array:
    """Return what is seen of a picture after `resaved`: (size, size, 3) uint8."""
    return cv2.imdecode(np.frombuffer(resaved(rgb, quality, resolution), np.uint8), cv2.IMREAD_COLOR_RGB)


def normalise(
    batch: torch.Tensor,
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
) -> torch.Tensor:
    """Turn uint8 images (B, H, W, 3) into float32 network input (B, 3, H, W) in channels-last memory.

    `mean` and `std` are per channel, of values in [0, 1].
    """
    import torch

    scale = 1.0 / (255.0 * torch.tensor(std, dtype=torch.float32, device=batch.device))
    shift = -torch.tensor(mean, dtype=torch.float32, device=batch.device) / torch.tensor(
        std, dtype=torch.float32, device=batch.device
    )
    # The colour axis is already last in memory: permuting alone gives channels-last, without a copy.
    return batch.to(torch.float32).mul_(scale).add_(shift).permute(0, 3, 1, 2)


def augment_batch(batch: torch.Tensor, generator: torch.Generator, level: str = "light") -> torch.Tensor:
    """Augment a whole batch at once, each image by its own draw.

    Parameters
    ----------
    batch : Tensor
        (B, H, W, 3) uint8.
    generator : torch.Generator
        On the CPU; the same state gives the same result on every device up to rounding.
    level : {'none', 'light', 'strong'}
        'light' mirrors half of the images and draws brightness (±10 %), contrast (±15 %) and a colour cast
        (±4 %). 'strong' doubles these and adds Gaussian noise (up to 3 grey levels) to half of them. None of
        it blurs: blending seams and up-sampling traces stay.

    Returns
    -------
    Tensor
        (B, H, W, 3) uint8.
    """
    import torch

    if level == "none":
        return batch
    n, device, strength = len(batch), batch.device, 2.0 if level == "strong" else 1.0

    def draw(columns: int) -> torch.Tensor:
        """Draw uniformly from [-1, 1), one row an image, shaped to multiply the batch."""
        values = torch.rand(n, 1, 1, columns, generator=generator) * 2 - 1
        return values.to(device)

    mirrored = draw(1) < 0
    x = torch.where(mirrored, batch.flip(2), batch).to(torch.float32)
    gain = 1 + strength * (0.10 * draw(1) + 0.04 * draw(3))
    contrast = 1 + strength * 0.15 * draw(1)
    centre = x.mean(dim=(1, 2, 3), keepdim=True)
    x = ((x - centre) * contrast + centre) * gain
    if level == "strong":
        sigma = 3.0 * draw(1).clamp(min=0)
        x += sigma * torch.randn(batch.shape, generator=generator).to(device)
    return x.round_().clamp_(0, 255).to(torch.uint8)


def albumentations_recipe(size: int) -> albumentations.Compose:
    """Build the augmentation that published face-manipulation detectors train with.

    After Bonettini et al., ICPR 2020: mirroring; brightness and contrast, or hue and saturation; ISO or Gaussian noise;
    down-scaling to 0.7-0.9 and back; JPEG of quality 50-99. It resizes first, works on uint8 throughout and does not
    normalise.

    Parameters
    ----------
    size : int
        Side of the result in pixels.

    Returns
    -------
    albumentations.Compose
        Called with ``image=`` (H, W, 3) uint8, gives ``["image"]`` (size, size, 3) uint8. Seed it with
        ``set_random_seed``.
    """
    # Without this, importing it asks the package index for a newer version.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations as A  # noqa: N812 (the name that its documentation uses)

    return A.Compose(
        [
            A.Resize(size, size, interpolation=cv2.INTER_AREA),
            A.HorizontalFlip(p=0.5),
            A.OneOf(
                [
                    A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.2),
                    A.HueSaturationValue(hue_shift_limit=10, sat_shift_limit=20, val_shift_limit=15),
                ],
                p=0.5,
            ),
            # The default of GaussNoise (std_range 0.2 to 0.44 of the full range) drowns the face.
            A.OneOf([A.ISONoise(intensity=(0.05, 0.3)), A.GaussNoise(std_range=(0.005, 0.03))], p=0.4),
            A.Downscale(scale_range=(0.7, 0.9), p=0.3),
            A.ImageCompression(quality_range=(50, 99), p=0.5),
        ]
    )


def augmented(images: Array, augmentation: str, seed: int) -> Array:
    """Augment faces (n, size, size, 3) uint8 as a training with this augmentation does, each by its own draw."""
    import torch

    if augmentation == "albumentations":
        recipe = albumentations_recipe(images.shape[1])
        recipe.set_random_seed(seed)
        return np.stack([recipe(image=image)["image"] for image in images])
    return augment_batch(torch.from_numpy(images), torch.Generator().manual_seed(seed), augmentation).numpy()
