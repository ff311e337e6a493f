"""The shape of a head: a height field over the frontal face, and the landmarks on it.

Coordinates are face units (see ``people``): u to the right of the image, v downwards, the height z towards
the viewer; the eyes lie at v = -0.35, the mouth at v = 0.65, the chin at v = 1.32 for average proportions.
"""

from __future__ import annotations

import dataclasses
import functools

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from aletheia.core.arrays import Array
from aletheia.datasets.synthetic.people import Person

PIXELS_PER_UNIT = 60  # of the frontal canvas
CANVAS_U = (-1.85, 1.85)
CANVAS_V = (-2.45, 1.75)
EYE_V, MOUTH_V, CHIN_V = -0.35, 0.65, 1.32

# Profiles along the middle of the face: (v, height) of the skull from crown to chin, and of the nose upon it.
_DEPTH = [
    (-1.99, 0.25), (-1.8, 0.62), (-1.3, 0.98), (-0.62, 1.16), (-0.35, 1.12), (0.3, 1.2), (0.65, 1.19),
    (1.1, 1.13), (1.27, 0.98), (1.34, 0.7),
]  # fmt: skip
_RIDGE = [
    (-0.62, 0.0), (-0.38, 0.05), (-0.1, 0.17), (0.12, 0.285), (0.205, 0.31), (0.285, 0.2),
    (0.345, 0.04), (0.4, 0.0),
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Expression:
    """Expression of a face in one shot.

    Ranges: mouth open 0..1, smile -0.3..1, brows raised -0.5..1, lids 0 (closed)..1.2, gaze in eye widths.
    """

    mouth_open: float = 0.0
    smile: float = 0.0
    brows: float = 0.0
    lids: float = 1.0
    gaze: tuple[float, float] = (0.0, 0.0)


@functools.cache
def canvas() -> tuple[Array, Array]:
    """Compute the pixel centres of the frontal canvas: u of shape (1, W) and v of shape (H, 1), float32."""
    width = round((CANVAS_U[1] - CANVAS_U[0]) * PIXELS_PER_UNIT)
    height = round((CANVAS_V[1] - CANVAS_V[0]) * PIXELS_PER_UNIT)
    u = CANVAS_U[0] + (np.arange(width, dtype=np.float32) + 0.5) / PIXELS_PER_UNIT
    v = CANVAS_V[0] + (np.arange(height, dtype=np.float32) + 0.5) / PIXELS_PER_UNIT
    return u[None, :].astype(np.float32), v[:, None].astype(np.float32)


def to_canvas(points: Array) -> Array:
    """Convert face units (n, 2) to canvas pixels (x, y), as OpenCV counts them (pixel centres at integers)."""
    origin = np.array((CANVAS_U[0], CANVAS_V[0]), np.float32)
    pixels: Array = (np.asarray(points, np.float32) - origin) * np.float32(PIXELS_PER_UNIT) - np.float32(0.5)
    return pixels


def bump(u0: float, v0: float, su: float, sv: float) -> Array:
    """Compute a Gaussian hill of height 1 on the canvas, (H, W) float32."""
    u, v = canvas()
    return np.asarray(np.exp(-((v - v0) ** 2) / (2 * sv * sv)) * np.exp(-((u - u0) ** 2) / (2 * su * su)))


def lift_cheeks(height: Array, smile: float) -> None:
    """Raise the cheeks of a smiling face, in place."""
    if smile > 0:
        height += (0.06 * smile) * (bump(-0.52, 0.2, 0.17, 0.14) + bump(0.52, 0.2, 0.17, 0.14))


def _curve(points: list[tuple[float, float]], at: Array) -> Array:
    x, y = np.array(points).T
    return np.asarray(PchipInterpolator(x, y)(np.clip(at, x[0], x[-1])), np.float32)


def half_width(person: Person, v: Array) -> Array:
    """Compute half the width of skull and jaw at height ``v``, in face units; 0 above the crown, below the chin."""
    jaw, chin, length = person.jaw, person.chin, person.face_length
    points = [
        (-1.99, 0.0), (-1.965, 0.22), (-1.89, 0.47), (-1.66, 0.80), (-1.25, 1.0), (-0.75, 1.045),
        (-0.25, 1.0), (0.2, 0.955), (0.62, 0.86 * jaw), (0.92, 0.715 * jaw), (1.13, 0.265 * (jaw + chin)),
        (1.25, 0.345 * chin), (1.305, 0.19 * chin), (CHIN_V, 0.0),
    ]  # fmt: skip
    return _curve([(p * (length if p > 0 else 1.0), w) for p, w in points], v)


def landmarks(person: Person, expression: Expression) -> dict[str, Array]:
    """Compute named points in face units, (n, 2) each: eyes, brows, nose, mouth, and outline (ear, chin, ear)."""
    length = person.face_length
    mouth_v = MOUTH_V * length
    eye = person.eye_spacing
    mouth = person.mouth_width * (1 + 0.16 * max(expression.smile, 0))
    brow_v = EYE_V - person.brow_height - 0.05 * expression.brows
    down = np.linspace(-0.3, 1.27 * length, 9)
    side = 0.97 * half_width(person, down)
    outline = np.concatenate([np.c_[-side, down], [(0.0, (CHIN_V - 0.02) * length)], np.c_[side, down][::-1]])
    return {
        "eyes": np.array([(-eye, EYE_V), (eye, EYE_V)]),
        "brows": np.array([(-eye - 0.28, brow_v), (-0.14, brow_v), (0.14, brow_v), (eye + 0.28, brow_v)]),
        "nose": np.array([(0.0, 0.2 * person.nose_length)]),
        "mouth": np.array([(-mouth, mouth_v), (0, mouth_v - 0.12), (mouth, mouth_v), (0, mouth_v + 0.16)]),
        "outline": outline,
    }


def height_field(person: Person) -> tuple[Array, Array]:
    """Compute the height z of skin over the canvas and the coverage of the head, at rest, without lips and lids.

    Returns
    -------
    height : (H, W) float32
        Face units; falls smoothly below zero outside of the head, so that a rotated head has no torn edge.
    inside : (H, W) float32
        0..1, anti-aliased.
    """
    u, v = canvas()
    length = person.face_length
    width = half_width(person, v)
    stretch = np.where(v > 0, length, 1.0)
    depth = _curve(_DEPTH, v / stretch)
    x = np.abs(u) / np.maximum(width, 0.02)
    dome = np.maximum(1 - x * x * np.sqrt(np.sqrt(x)), 0.0) ** np.float32(0.55)
    z = depth * dome - 0.25 * np.clip(x - 1, 0, 2) * (width > 0)
    inside = np.clip((width - np.abs(u)) * PIXELS_PER_UNIT + 0.5, 0, 1) * (width > 0)

    eye, nose_w, nose_h = person.eye_spacing, person.nose_width, person.nose_height
    nl = person.nose_length
    for side in (-1, 1):
        z = z - 0.115 * bump(side * eye * 0.86, EYE_V - 0.02, 0.19, 0.13)  # socket
        z = z + 0.085 * bump(side * eye, EYE_V, 0.13, 0.09)  # eyeball under the lids
        z = z + 0.045 * bump(side * eye * 0.95, EYE_V - person.brow_height * 0.93, 0.24, 0.075)  # brow ridge
        z = z + 0.065 * person.cheekbones * bump(side * 0.66, 0.06, 0.22, 0.17)
        z = z - 0.03 * max(0.6 - person.cheekbones / 2, 0.1) * bump(side * 0.62, 0.5, 0.16, 0.2)
        z = z + 0.135 * nose_h * bump(side * 0.165 * nose_w, 0.245 * nl, 0.075 * nose_w, 0.075)
    ridge = _curve(_RIDGE, v / np.where(v > -0.3, nl, 1.0))
    spread = _curve([(-0.6, 0.10), (-0.3, 0.085), (0.0, 0.10), (0.2, 0.135), (0.33, 0.16)], v) * nose_w
    z = z + nose_h * ridge * np.exp(-((u / spread) ** 2) / 1.6)

    mv = MOUTH_V * length
    z = z + 0.075 * bump(0, mv, 0.3, 0.17)  # the teeth behind the lips
    z = z - 0.022 * bump(0, 0.45 * length, 0.035, 0.07)  # philtrum
    z = z - 0.045 * bump(0, mv + 0.235 * length, 0.22, 0.06)  # fold above the chin
    z = z + 0.075 * person.chin * bump(0, 1.1 * length, 0.19, 0.12)
    return cv2.GaussianBlur(z.astype(np.float32), (0, 0), 1.1), inside.astype(np.float32)
