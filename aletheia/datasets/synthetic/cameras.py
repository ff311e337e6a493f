"""From the scene to a file: the camera's sensor, then size and JPEG settings.

Two camera pools differ, with overlap: ``cam-a`` takes the main set, ``cam-b`` the pool that stands for FFHQ. Forgeries
are made of captured images; real and forged ones are then saved with settings of the same distribution, so that a
file's properties are independent of its label.
"""

from __future__ import annotations

import dataclasses
import io

import cv2
import numpy as np
from PIL import Image

from aletheia.core.arrays import Array


@dataclasses.dataclass(frozen=True)
class Camera:
    """Distributions of one pool's devices and files."""

    read_noise: tuple[float, float]  # standard deviation in grey levels of 255, uniform between
    shot_noise: tuple[float, float]  # variance a grey level
    blur: tuple[float, float]  # pixels
    sharpen: tuple[float, float]
    sizes: tuple[int, ...]  # longer side of the file, pixels
    size_weights: tuple[float, ...]
    portrait: float  # share of 4 : 5 images, the rest is square
    quality: tuple[float, float]  # mean and deviation of JPEG quality
    full_chroma: float  # share of 4:4:4
    progressive: float


CAMERAS = {
    "cam-a": Camera(
        read_noise=(2.0, 4.2), shot_noise=(0.015, 0.040), blur=(0.0, 0.4), sharpen=(0.1, 0.6),
        sizes=(208, 224, 232, 240, 256), size_weights=(0.15, 0.30, 0.20, 0.25, 0.10),
        portrait=0.35, quality=(88, 5.0), full_chroma=0.20, progressive=0.20,
    ),
    "cam-b": Camera(
        read_noise=(1.7, 3.9), shot_noise=(0.013, 0.036), blur=(0.0, 0.35), sharpen=(0.15, 0.7),
        sizes=(208, 224, 232, 240, 256), size_weights=(0.10, 0.36, 0.16, 0.26, 0.12),
        portrait=0.25, quality=(89, 4.8), full_chroma=0.26, progressive=0.24,
    ),
}  # fmt: skip


def capture(scene: Array, camera: Camera, rng: np.random.Generator) -> Array:
    """Simulate the recording of a scene.

    Parameters
    ----------
    scene : (H, W, 3) float32
        Display values 0..1.

    Returns
    -------
    (H, W, 3) float32
        Display values 0..255, with lens blur, vignetting, photon and read noise (the latter smoothed as
        demosaicing does) and sharpening.
    """
    height, width = scene.shape[:2]
    image: Array = scene * 255.0
    blur = rng.uniform(*camera.blur)
    if blur > 0.2:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    dark = rng.uniform(0, 0.25)
    y = (np.arange(height, dtype=np.float32)[:, None] / height - 0.5) ** 2
    x = (np.arange(width, dtype=np.float32)[None, :] / width - 0.5) ** 2
    image = image * (1 - dark * 2 * (x + y))[..., None]
    gain = np.float32(rng.uniform(*camera.shot_noise) * 255 / 8)
    read = np.float32(rng.uniform(*camera.read_noise))
    grain = rng.standard_normal(image.shape, dtype=np.float32)
    grain = 0.75 * grain + 0.6 * cv2.blur(grain, (2, 2))  # demosaicing leaves neighbours correlated
    image = image + grain * np.sqrt(gain * np.maximum(image, 0) / 8 + read * read)
    amount = rng.uniform(*camera.sharpen)
    if amount > 0.05:
        image = image + amount * (image - cv2.GaussianBlur(image, (0, 0), 1.2))
    return np.clip(image, 0, 255)


@dataclasses.dataclass(frozen=True)
class FileSettings:
    """Size, shape and JPEG settings of one file."""

    size: int
    portrait: bool
    quality: int
    subsampling: int  # Pillow's: 0 is 4:4:4, 2 is 4:2:0
    progressive: bool


def draw_file_settings(camera: Camera, rng: np.random.Generator) -> FileSettings:
    """Draw size, shape and JPEG settings, independently of the image and its label."""
    return FileSettings(
        size=int(rng.choice(camera.sizes, p=camera.size_weights)),
        portrait=bool(rng.random() < camera.portrait),
        quality=int(np.clip(round(rng.normal(*camera.quality)), 62, 97)),
        subsampling=0 if rng.random() < camera.full_chroma else 2,
        progressive=bool(rng.random() < camera.progressive),
    )


def encode_file(image: Array, settings: FileSettings) -> bytes:
    """Cut to shape, shrink by areas and write as JPEG without metadata.

    Parameters
    ----------
    image : (H, W, 3) float32
        Display values 0..255.
    """
    height, width = image.shape[:2]
    if settings.portrait:
        cut = width // 10
        image = image[:, cut : width - cut]
    scale = settings.size / height
    size = (round(image.shape[1] * scale), settings.size)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    pixels = np.clip(small + 0.5, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(
        buffer,
        "JPEG",
        quality=settings.quality,
        subsampling=settings.subsampling,
        progressive=settings.progressive,
    )
    return buffer.getvalue()
