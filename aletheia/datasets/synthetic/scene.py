"""The scene of one shot: pose, expression, framing and light."""

from __future__ import annotations

import dataclasses

import numpy as np

from aletheia.core.arrays import Array
from aletheia.datasets.synthetic.head import Expression

FRAME = 256  # pixels a side of the image as the camera sees it, before it is shrunk and saved


@dataclasses.dataclass(frozen=True)
class Light:
    """Key light towards ``direction`` (unit, u right, v down, z to the viewer) and ambient light, linear RGB."""

    direction: Array
    key: Array
    ambient: Array
    softness: float  # 0 bare bulb .. 1 large soft box


@dataclasses.dataclass(frozen=True)
class Shot:
    """Everything about one image but the person.

    Angles in radians; ``centre`` and ``unit`` in pixels of the frame.
    """

    expression: Expression
    yaw: float
    pitch: float
    roll: float
    unit: float  # pixels a face unit
    centre: tuple[float, float]
    light: Light
    seed: int

    def rotation(self) -> Array:
        """Compute the rotation of the head, 3 x 3, from head to image."""
        cy, sy, cp, sp = np.cos(self.yaw), np.sin(self.yaw), np.cos(self.pitch), np.sin(self.pitch)
        cr, sr = np.cos(self.roll), np.sin(self.roll)
        turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return np.asarray(tilt @ nod @ turn, np.float32)


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a key light from the upper half, warm to cold, with one to four times the ambient light."""
    azimuth, elevation = rng.normal(0, 0.75), rng.normal(0.55, 0.28)
    direction = np.array([np.sin(azimuth) * np.cos(elevation), -np.sin(elevation), np.cos(azimuth) * np.cos(elevation)])
    direction[2] = max(direction[2], 0.15)
    warmth = rng.normal(0, 0.10)
    tint = np.array([1 + warmth, 1.0, 1 - 1.3 * warmth])
    ratio = rng.uniform(0.25, 0.8)
    level = np.exp(rng.normal(0.02, 0.14))
    around = np.array([1 - 0.5 * warmth, 1.0, 1 + 0.6 * warmth]) * (1 + 0.04 * rng.standard_normal(3))
    return Light(
        direction=(direction / np.linalg.norm(direction)).astype(np.float32),
        key=(1.25 * level * (1 - 0.45 * ratio) * tint).astype(np.float32),
        ambient=(0.85 * level * ratio * around).astype(np.float32),
        softness=float(rng.uniform(0.1, 1.0)),
    )


def draw_expression(rng: np.random.Generator) -> Expression:
    """Draw an expression, neutral to laughing, lids mostly open."""
    smile = float(np.clip(rng.normal(0.3, 0.4), -0.25, 1.0))
    mouth_open = float(np.clip(rng.normal(-0.1, 0.35) + 0.35 * max(smile - 0.4, 0), 0, 0.9))
    lids = float(np.clip(rng.normal(1.0, 0.12), 0.6, 1.25))
    gaze = (float(rng.normal(0, 0.08)), float(rng.normal(0, 0.04)))
    return Expression(mouth_open, smile, float(np.clip(rng.normal(0, 0.4), -0.7, 1)), lids, gaze)


def draw_shot(rng: np.random.Generator) -> Shot:
    """Draw pose, light, expression and framing; the face fills roughly half of the frame."""
    unit = float(np.clip(rng.normal(58, 3.5), 49, 66))
    return Shot(
        expression=draw_expression(rng),
        yaw=float(np.clip(rng.normal(0, 0.20), -0.48, 0.48)),
        pitch=float(np.clip(rng.normal(0, 0.09), -0.2, 0.2)),
        roll=float(np.clip(rng.normal(0, 0.07), -0.2, 0.2)),
        unit=unit,
        centre=(FRAME / 2 + float(rng.normal(0, 5)), FRAME * 0.53 + float(rng.normal(0, 4))),
        light=draw_light(rng),
        seed=int(rng.integers(2**31)),
    )
