"""Skin and its details: tone, pores, wrinkles, nostrils, beard.

Painters change a :class:`~aletheia.datasets.synthetic.layers.Layers` in place.
"""

from __future__ import annotations

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.datasets.synthetic.head import EYE_V, MOUTH_V, Expression, bump, canvas, to_canvas
from aletheia.datasets.synthetic.layers import Layers, noise, step, window
from aletheia.datasets.synthetic.people import Person


def paint_skin(layers: Layers, person: Person) -> None:
    """Paint base tone, blood, mottling, freckles, moles and pores; a person's pattern is the same in every shot."""
    shape = layers.height.shape
    rng = np.random.default_rng(person.texture_seed)
    flush = 0.10 * (bump(-0.5, 0.2, 0.22, 0.18) + bump(0.5, 0.2, 0.22, 0.18)) + 0.10 * bump(0, 0.2, 0.16, 0.12)
    flush += (0.05 + 0.12 * person.makeup) * (bump(-0.62, 0.1, 0.2, 0.12) + bump(0.62, 0.1, 0.2, 0.12))
    mottle = 0.035 * noise(rng, shape, 20) + 0.018 * noise(rng, shape, 7)
    pores = 0.014 * noise(rng, shape, 1.6)
    tone = 1 + mottle + pores
    ageing = min(person.years / 60, 1.2)
    tone -= (
        0.10
        * ageing
        * (bump(-person.eye_spacing, EYE_V + 0.17, 0.17, 0.07) + bump(person.eye_spacing, EYE_V + 0.17, 0.17, 0.07))
    )
    if person.freckles:
        spots = np.clip(noise(rng, shape, 2.6) - 1.35, 0, 1)
        tone -= 0.4 * person.freckles * spots * np.clip(2 * bump(0, 0.05, 0.6, 0.3), 0, 1)
    for _ in range(int(rng.integers(0, 4))):
        region, du, dv = window(rng.uniform(-0.8, 0.8), rng.uniform(-0.9, 1.1), 0.06, 0.06)
        tone[region] -= 0.45 * np.exp(-(du * du + dv * dv) / 0.0005)
    layers.albedo[:] = person.skin * tone[..., None]
    layers.albedo *= 1 + flush[..., None] * np.array((0.45, -0.55, -0.45), np.float32)
    layers.gloss[:] = 0.22 + 0.2 * bump(0, -0.9, 0.5, 0.25) + 0.25 * bump(0, 0.1, 0.12, 0.25)
    # Pores also catch the light.
    layers.height += 0.0006 * noise(rng, shape, 2.0) * (0.6 + person.wrinkles)


def paint_wrinkles(layers: Layers, person: Person, expression: Expression) -> None:
    """Paint the furrows of age and of the smile: folds from nose to mouth, forehead lines, crow's feet."""
    rng = np.random.default_rng(person.texture_seed + 1)
    shape = layers.height.shape
    furrow: Array = np.zeros(shape, np.float32)

    def line(points: list[tuple[float, float]], strength: float, thickness: int) -> None:
        if strength > 0.02:
            path = np.round(to_canvas(np.array(points)) * 8).astype(np.int32)
            cv2.polylines(furrow, [path], False, (float(strength),), thickness, cv2.LINE_8, shift=3)

    fold = 0.28 + 0.6 * person.wrinkles + 0.6 * max(expression.smile, 0)
    length, nose = person.face_length, 0.25 * person.nose_width
    for side in (-1, 1):
        mouth_u = person.mouth_width + 0.09
        fold_at = [(nose, 0.2), (nose + 0.08, 0.33), (mouth_u, 0.56 * length), (mouth_u, 0.7 * length)]
        line([(side * u0, v0) for u0, v0 in fold_at], fold * rng.uniform(0.7, 1.1), 2)
        eye = side * person.eye_spacing
        for k in range(3):
            start = (eye + side * 0.27, EYE_V - 0.03 + 0.06 * k)
            line([start, (start[0] + side * 0.13, start[1] - 0.05 + 0.06 * k)], 0.5 * person.wrinkles, 1)
        line([(eye - side * 0.2, EYE_V + 0.13), (eye, EYE_V + 0.22), (eye + side * 0.22, EYE_V + 0.15)],
             0.15 + 0.5 * person.wrinkles, 2)  # fmt: skip
    for k in range(3):
        v0 = -1.08 + 0.16 * k
        us = np.linspace(-0.5, 0.5, 9)
        vs = v0 + 0.03 * rng.standard_normal(9).cumsum() * 0.35 + 0.1 * us**2
        line(list(zip(us, vs, strict=True)), 0.55 * person.wrinkles + 0.2 * max(expression.brows, 0), 1)
    furrow = cv2.GaussianBlur(furrow, (0, 0), 1.3)
    layers.height -= 0.045 * furrow
    layers.albedo *= (1 - 0.22 * np.minimum(furrow, 1))[..., None]


def paint_nostrils(layers: Layers, person: Person) -> None:
    """Paint nostrils and the shadow line around the wings of the nose."""
    v0, w = 0.315 * person.nose_length, person.nose_width
    for side in (-1, 1):
        region, du, dv = window(side * 0.10 * w, v0, 0.22, 0.10)
        hole = np.exp(-0.5 * (du / (0.05 * w)) ** 2 - 0.5 * (dv / 0.022) ** 2)
        layers.blend(0.95 * hole, person.skin * 0.10, region)
        wing = bump(side * 0.265 * w, 0.25 * person.nose_length, 0.022, 0.06)
        layers.albedo *= (1 - 0.28 * wing)[..., None]


def paint_beard(layers: Layers, person: Person) -> None:
    """Paint stubble to full beard, and a moustache, as hair-grained cover of the lower face."""
    if not (person.beard or person.moustache):
        return
    u, v = canvas()
    length = person.face_length
    rng = np.random.default_rng(person.texture_seed + 4)
    grain = noise(rng, layers.height.shape, 1.5) * 0.5 + 0.8 * cv2.blur(noise(rng, layers.height.shape, 1), (1, 4))
    edge = 0.04 * noise(rng, layers.height.shape, 6)
    cheek = step(v - (0.42 - 0.55 * np.clip(np.abs(u) - 0.35, 0, 1) ** 0.8 * 1.2) + edge, 0.18)
    lip = 1 - np.exp(-((u / (person.mouth_width + 0.03)) ** 4) - ((v - MOUTH_V * length - 0.01) / 0.15) ** 4)
    moustache = np.exp(-((u / 0.36) ** 4) - ((v - 0.475 * length) / 0.075) ** 2)
    cover = np.clip(person.beard * cheek * lip + max(person.moustache, 0.8 * person.beard) * moustache * lip, 0, 1)
    cover *= np.clip(0.70 + 0.28 * grain, 0, 1)
    layers.blend(
        np.clip(cover * (0.35 + 0.55 * person.beard + 0.3 * person.moustache * moustache), 0, 0.94),
        person.hair * 0.8,
    )
    layers.gloss *= 1 - 0.7 * cover
    layers.height += 0.02 * cover + 0.012 * cover * grain
