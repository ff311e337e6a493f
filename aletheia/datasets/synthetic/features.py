"""Eyes, brows, mouth and glasses.

Painters change a :class:`~aletheia.datasets.synthetic.layers.Layers` in place, on the few pixels that they cover.
"""

from __future__ import annotations

import cv2
import numpy as np

from aletheia.datasets.synthetic.head import EYE_V, MOUTH_V, Expression, canvas, to_canvas
from aletheia.datasets.synthetic.layers import Layers, step, window
from aletheia.datasets.synthetic.people import Person


def paint_eyes(layers: Layers, person: Person, expression: Expression) -> None:
    """Paint lids, sclera, iris with its ring and pupil, lashes, crease and catch-light gloss."""
    rng = np.random.default_rng(person.texture_seed + 2)
    half = person.eye_width
    spokes = rng.standard_normal(64).astype(np.float32)
    for side in (-1, 1):
        region, du, dv = window(side * person.eye_spacing, EYE_V, 0.36, 0.3)
        tilt = person.eye_tilt * side
        x = (du * side + dv * -tilt * side) / half  # +1 at the outer corner
        y = (dv + du * tilt) / half
        opened = np.clip(person.eye_open * expression.lids * (1 - 0.18 * max(expression.smile, 0)), 0.05, 1.5)
        arch = np.maximum(1 - x * x, 0)
        upper = -0.50 * opened * arch**0.75 * (1 - 0.10 * x)
        lower = 0.24 * min(opened, 1.1) * arch * (1 + 0.12 * x)
        aperture = step((y - upper) * half) * step((lower - y) * half) * step((1 - np.abs(x)) * half)

        gx, gy = expression.gaze
        ix, iy = x - gx * side, y + 0.10 - gy
        radius = np.sqrt(ix * ix + iy * iy) / 0.40
        angle = np.arctan2(iy, ix)
        fibre = np.interp(angle, np.linspace(-np.pi, np.pi, 64), spokes).astype(np.float32)
        white = 0.50 - 0.16 * x * x
        eye = white[..., None] * np.array((1.0, 0.93, 0.90), np.float32)
        iris = person.iris * (1.05 + 0.22 * fibre + 0.5 * (radius - 0.6))[..., None]
        iris *= (1 - 0.75 * step(radius - 0.9, 0.25))[..., None]  # limbal ring
        iris *= step(radius - 0.42, 0.12)[..., None]  # pupil
        eye += step(1 - radius, 0.16)[..., None] * (np.maximum(iris, 0.004) - eye)
        lid_shadow = np.clip(1 - 0.62 * np.exp(-np.maximum(y - upper, 0) / 0.16), 0, 1)
        eye *= lid_shadow[..., None]
        caruncle = np.exp(-(((x + 0.93) / 0.13) ** 2) - (y / 0.14) ** 2)
        eye += 0.7 * caruncle[..., None] * (person.skin * np.array((1.1, 0.65, 0.6), np.float32) - eye)

        # The skin around the opening: crease, rims, shadow paint.
        crease = np.exp(-(((y - upper + 0.14 + 0.12 * person.fold) / 0.05) ** 2)) * np.exp(-((x / 0.95) ** 4))
        layers.height[region] -= 0.02 * (0.4 + person.fold) * crease
        layers.albedo[region] *= (1 - 0.22 * crease * (0.4 + person.fold))[..., None]
        if person.makeup:
            shade = np.exp(-(((y - upper + 0.16) / 0.16) ** 2)) * np.exp(-((x / 0.9) ** 4)) * (y < upper)
            layers.albedo[region] *= 1 - 0.4 * person.makeup * shade[..., None] * np.array((0.6, 0.9, 0.8), np.float32)
        rim = np.exp(-(((y - lower) / 0.06) ** 2)) * (np.abs(x) < 1)
        layers.blend(0.35 * rim, person.skin * np.array((1.05, 0.7, 0.66), np.float32), region)
        layers.blend(aperture, eye, region)
        male = person.gender == "male"
        thickness = (0.05 if male else 0.07) + 0.04 * person.makeup
        lash = np.exp(-(((y - upper) / thickness) ** 2)) * np.exp(-((x / 1.06) ** 12)) * (0.6 + 0.2 * x)
        lash += (0.18 + 0.3 * person.makeup) * np.exp(-(((y - lower) / 0.04) ** 2)) * np.exp(-((x / 1.0) ** 12))
        layers.blend(np.clip(lash * (0.75 if male else 1.0), 0, 0.95), np.full(3, 0.012), region)
        layers.gloss[region] = layers.gloss[region] * (1 - aperture) + 1.0 * aperture
        # A wet ball: the mirror image of the light is taken off this bulge.
        layers.height[region] += 0.05 * aperture * np.sqrt(np.maximum(1 - (ix * ix + iy * iy) / 1.3, 0))


def paint_brows(layers: Layers, person: Person, expression: Expression) -> None:
    """Paint the brows as a bundle of hairs that sweep outwards."""
    rng = np.random.default_rng(person.texture_seed + 3)
    drawn = np.zeros(layers.height.shape, np.uint8)
    count = int(70 * person.brow_weight) + 26
    for side in (-1, 1):
        t = rng.random(count) ** 0.9
        u0 = 0.15 + t * 0.56
        centre = (
            EYE_V
            - person.brow_height
            - 0.05 * expression.brows
            - person.brow_arch * np.sin(np.pi * t**1.3)
            + 0.05 * t**3
        )
        v0 = centre + 0.045 * person.brow_weight * (1.15 - t) * (2 * rng.random(count) - 1)
        angle = np.deg2rad(-62 + 75 * t) + 0.2 * rng.standard_normal(count)
        reach = 0.085 * rng.uniform(0.7, 1.2, count)
        start, end = (
            np.c_[side * u0, v0],
            np.c_[side * (u0 + reach * np.cos(angle)), v0 + reach * np.sin(angle)],
        )
        lines = np.round(np.stack([to_canvas(start), to_canvas(end)], axis=1) * 8).astype(np.int32)
        cv2.polylines(drawn, list(lines), False, (255,), 1, cv2.LINE_AA, shift=3)
    region, _, _ = window(0, EYE_V - 0.35, 1.1, 0.5)
    mask = drawn[region].astype(np.float32) / 255
    soft = cv2.GaussianBlur(mask, (0, 0), 1.0) * 0.75 + 0.45 * mask
    dark = np.minimum(person.hair, np.maximum(person.skin * 0.55, 0.02)) * (0.55 if person.years < 55 else 0.9)
    layers.blend(np.clip(soft * (0.75 + 0.2 * person.brow_weight), 0, 0.92), dark, region)


def paint_mouth(layers: Layers, person: Person, expression: Expression) -> None:
    """Paint lips with their own relief, the dark between them, and teeth when they part."""
    smile = expression.smile
    half = person.mouth_width * (1 + 0.16 * max(smile, 0))
    region, du, dv = window(0, MOUTH_V * person.face_length, 0.62, 0.42)
    x, y = du / half, dv
    inside = np.maximum(1 - x * x, 0)
    line = -0.10 * smile * x * x + 0.012 * np.cos(np.pi * x * 1.5)
    gap = 0.17 * expression.mouth_open * inside**0.8
    top = (
        line
        - 0.35 * gap
        - person.upper_lip * (1 - 0.25 * max(smile, 0)) * inside**0.65 * (1 - 0.24 * np.exp(-((x / 0.16) ** 2)))
    )
    inner_top, inner_bottom = line - 0.30 * gap, line + 0.70 * gap
    bottom = inner_bottom + person.lower_lip * (1 - 0.2 * max(smile, 0)) * inside**0.6
    within = step((1 - np.abs(x)) * half, 0.03)
    lips = step(y - top, 0.03) * step(bottom - y, 0.03) * within
    hollow = step(y - inner_top) * step(inner_bottom - y) * within * (gap > 0.008)

    shade = 1 + 0.10 * np.cos(du * 95 + 2 * np.sin(dv * 30)) * inside  # the fine creases across the lips
    upper_darker = np.where(y < line + 0.2 * gap, 0.80, 1.04)
    layers.blend(0.88 * lips, person.lips * (shade * upper_darker)[..., None], region)
    t_up = np.clip((y - top) / np.maximum(inner_top - top, 1e-3), 0, 1)
    t_low = np.clip((y - inner_bottom) / np.maximum(bottom - inner_bottom, 1e-3), 0, 1)
    relief = (0.55 * np.sin(np.pi * t_up) + 0.9 * np.sin(np.pi * t_low**0.85)) * inside * within
    layers.height[region] += 0.075 * relief
    seam = np.exp(-(((y - line) / 0.017) ** 2)) * step((1.06 - np.abs(x)) * half, 0.06)
    layers.blend(0.72 * seam * (1 - hollow), person.lips * 0.16, region)
    corner = np.exp(-(((np.abs(x) - 1.02) / 0.10) ** 2) - ((y - line) / 0.05) ** 2)
    layers.blend(0.45 * corner, person.skin * 0.3, region)

    tooth = 1 - 0.35 * np.exp(-(((np.mod(du + 0.06, 0.12) - 0.06) / 0.012) ** 2))
    teeth = step(inner_top + 0.105 - y, 0.03) * (np.abs(x) < 0.86)
    mouth = np.array((0.05, 0.016, 0.014), np.float32) * np.ones_like(hollow)[..., None]
    enamel = np.array((0.60, 0.56, 0.48), np.float32) * (tooth * (1 - 0.6 * x * x))[..., None]
    mouth += teeth[..., None] * (enamel * 0.85 - mouth)
    layers.blend(hollow, mouth, region)
    layers.gloss[region] += lips * (0.25 + 0.3 * person.makeup) * (1 - hollow)


def paint_glasses(layers: Layers, person: Person) -> None:
    """Paint glasses: a dark frame and faintly mirroring lenses."""
    if not person.glasses:
        return
    rng = np.random.default_rng(person.texture_seed + 5)
    ru, rv, power = rng.uniform(0.34, 0.4), rng.uniform(0.22, 0.3), rng.choice((2.0, 3.0, 5.0))
    colour, thick = rng.choice((0.01, 0.03, 0.2)) * np.array((1.0, 0.75, 0.6)), rng.uniform(0.022, 0.045)
    u, v = canvas()
    frame = np.zeros(layers.height.shape, np.float32)
    for side in (-1, 1):
        r = ((np.abs(u - side * person.eye_spacing) / ru) ** power + (np.abs(v - EYE_V - 0.05) / rv) ** power) ** (
            1 / power
        )
        frame = np.maximum(frame, step(thick - np.abs(r - 1) * rv, 0.02))
        layers.gloss += 0.10 * step(1 - r, 0.05)
        arm = step(0.03 - np.abs(v - EYE_V + 0.05), 0.02) * (side * u > person.eye_spacing + ru) * (side * u < 1.05)
        frame = np.maximum(frame, arm)
    bridge = np.abs(u) < person.eye_spacing - ru + 0.02
    frame = np.maximum(frame, step(thick - np.abs(v - EYE_V + 0.04 - 0.6 * u * u), 0.02) * bridge)
    layers.blend(0.95 * frame, colour)
    layers.height += 0.05 * frame
    layers.gloss = layers.gloss * (1 - frame) + 0.7 * frame
