"""The canvas that a head is painted on, and the brushes."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.datasets.synthetic.head import PIXELS_PER_UNIT, canvas, to_canvas


@dataclasses.dataclass
class Layers:
    """The frontal canvas of one head in one shot.

    Attributes
    ----------
    albedo : (H, W, 3) float32
        Linear RGB reflectance 0..1.
    gloss : (H, W) float32
        Strength of the mirror reflection 0..1.
    height : (H, W) float32
        Face units towards the viewer.
    alpha : (H, W) float32
        Coverage of head, ears and the hair on them.
    """

    albedo: Array
    gloss: Array
    height: Array
    alpha: Array

    def copy(self) -> Layers:
        """Copy the layers, to paint one shot on."""
        return Layers(self.albedo.copy(), self.gloss.copy(), self.height.copy(), self.alpha)

    def blend(self, mask: Array, colour: Array, window: tuple[slice, slice] = np.s_[:, :]) -> None:
        """Lay ``colour`` over the albedo, as opaque as ``mask`` (0..1)."""
        part = self.albedo[window]
        part += mask.astype(np.float32, copy=False)[..., None] * (np.asarray(colour, np.float32) - part)


def noise(rng: np.random.Generator, shape: tuple[int, ...], cell: float) -> Array:
    """Draw smooth noise of unit variance whose grain is ``cell`` pixels wide, (H, W) float32."""
    small: Array = rng.standard_normal((int(shape[0] / cell) + 3, int(shape[1] / cell) + 3), dtype=np.float32)
    if cell > 1:
        small = cv2.resize(small, None, fx=cell, fy=cell, interpolation=cv2.INTER_CUBIC)
    part = small[: shape[0], : shape[1]]
    return part * (1.0 / max(float(part.std()), 1e-6))


def window(u0: float, v0: float, ru: float, rv: float) -> tuple[tuple[slice, slice], Array, Array]:
    """Select the canvas pixels within (ru, rv) face units of a point.

    Returns the slices of rows and columns, and the pixels' coordinates relative to the point, (1, w) and (h, 1).
    """
    u, v = canvas()
    (x, y), px = to_canvas(np.array([(u0, v0)]))[0], PIXELS_PER_UNIT
    rows = slice(max(int(y - rv * px), 0), int(y + rv * px) + 2)
    columns = slice(max(int(x - ru * px), 0), int(x + ru * px) + 2)
    return (rows, columns), u[:, columns] - u0, v[rows] - v0


def step(distance: Array, softness: float = 1.0 / PIXELS_PER_UNIT) -> Array:
    """Rise from 0 to 1 across ``softness`` face units around ``distance`` = 0: an anti-aliased edge."""
    return np.clip(distance / softness + 0.5, 0, 1)
