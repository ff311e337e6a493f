"""Drawn pictures of people whom no data set holds, by cameras and forgeries that a network knows or has never seen."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.datasets.synthetic.cameras import CAMERAS, Camera, capture, draw_file_settings, encode_file
from aletheia.datasets.synthetic.faces import render
from aletheia.datasets.synthetic.forgeries import Landmarks, face_mask, face_swap, self_blended, upsampled
from aletheia.datasets.synthetic.people import Person
from aletheia.datasets.synthetic.scene import draw_shot

#: Changes a picture (H, W, 3) float32, 0 to 255, by its landmarks.
Forgery = Callable[[Array, Landmarks, np.random.Generator], Array]
#: A camera with a slower lens, more noise and larger files than the two that the drawn data set has.
NEW_CAMERA = Camera(
    read_noise=(6.0, 9.0), shot_noise=(0.06, 0.10), blur=(0.5, 1.0), sharpen=(0.0, 0.2),
    sizes=(240, 256), size_weights=(0.3, 0.7), portrait=0.6, quality=(80, 4.0), full_chroma=0.0, progressive=0.9,
)  # fmt: skip
#: Side of a patch in pixels, and the spread of the brightness among patches, of 255.
PATCH, PATCH_SPREAD = 8, 14.0
UPSAMPLED, LIGHT_TOUCH, PATCHWISE = "upsampled", "light touch", "patchwise"


def draw_picture(person: Person, donor: Person, camera: str, forgery: str, rng: np.random.Generator) -> bytes:
    """Draw a picture as JPEG.

    Parameters
    ----------
    person, donor : Person
        Who is seen, and whose face is put there by a face swap.
    camera : str
        ``"cam-a"`` or ``"cam-b"`` of the drawn data set; any other name is `NEW_CAMERA`.
    forgery : str
        ``""`` for a genuine one, ``"face-swap"``, or one of `FORGERIES`.
    rng : Generator
    """
    device = CAMERAS.get(camera, NEW_CAMERA)
    shot, settings = draw_shot(rng), draw_file_settings(device, rng)
    scene, points = render(person, shot)
    image = capture(scene, device, rng)
    if forgery == "face-swap":
        head, donor_points = render(donor, shot, head_only=True)
        image = face_swap(image, points, head * np.float32(255), donor_points, rng)
    elif forgery:
        image = FORGERIES[forgery](image, points, rng)
    return encode_file(image, settings)


def light_touch(image: Array, points: Landmarks, rng: np.random.Generator) -> Array:
    """Forge at a quarter of the strength: a new generator whose pictures look genuine."""
    return np.asarray(image + np.float32(0.25) * (upsampled(image, points, rng) - image))


def patchwise(image: Array, points: Landmarks, rng: np.random.Generator) -> Array:
    """Give each patch of the inner face a brightness of its own: seams, as where a network makes it patch by patch.

    Of the traces of the data set's own forgeries there is none: no blended edge, no loss of detail, no pattern of an
    up-sampling network.
    """
    height, width = image.shape[:2]
    levels = rng.normal(0, PATCH_SPREAD, (-(-height // PATCH), -(-width // PATCH))).astype(np.float32)
    shifts = np.kron(levels, np.ones((PATCH, PATCH), np.float32))[:height, :width, None]
    mask = cv2.GaussianBlur(face_mask((height, width), points, rng), (0, 0), rng.uniform(2, 5))
    return np.asarray(image + mask[..., None] * (np.clip(image + shifts, 0, 255) - image))


FORGERIES: dict[str, Forgery] = {
    "self-blended": self_blended,
    UPSAMPLED: upsampled,
    LIGHT_TOUCH: light_touch,
    PATCHWISE: patchwise,
}
