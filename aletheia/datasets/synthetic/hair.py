"""Hair and ears on the frontal canvas, and the hair that hangs behind the head."""

from __future__ import annotations

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.datasets.synthetic.head import EYE_V, canvas, half_width
from aletheia.datasets.synthetic.layers import Layers, noise, step, window
from aletheia.datasets.synthetic.people import Person

_SHORT = ("short", "receding", "bald", "curly")


def strands(person: Person, shape: tuple[int, ...]) -> Array:
    """Draw the texture of hair around 1, (H, W): streaks that run from the crown, or locks when curly."""
    rng = np.random.default_rng(person.texture_seed + 6)
    if person.hair_style == "curly":
        return 1 + 0.24 * noise(rng, shape, 5) + 0.14 * noise(rng, shape, 2.2)
    u, v = canvas()
    part = rng.uniform(-0.35, 0.35)
    streaks: Array = cv2.GaussianBlur(rng.standard_normal((720, 24)).astype(np.float32), (0, 0), sigmaX=3.0, sigmaY=1.6)
    streaks += 1.6 * cv2.GaussianBlur(rng.standard_normal((720, 24)).astype(np.float32), (0, 0), sigmaX=6, sigmaY=6)
    streaks /= streaks.std()
    angle = np.arctan2(u - part, np.maximum(v + 2.05, 0.02) * 0.8) + 0.0 * v
    radius = np.sqrt((u - part) ** 2 + (v + 2.05) ** 2)
    waves = 0.12 * np.sin(radius * rng.uniform(2, 7) + rng.uniform(0, 6)) * rng.random()
    y = ((angle + waves) / np.pi + 0.5) * 700
    x = radius / 4.2 * 22
    return 1 + 0.17 * cv2.remap(
        streaks, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )


def paint_ears(layers: Layers, person: Person) -> None:
    """Paint ears beside the head; long hair will cover them."""
    size = person.ear_size
    v0 = EYE_V + 0.28
    for side in (-1, 1):
        u0 = 0.985 * float(half_width(person, np.array([v0]))[0])
        region, du, dv = window(side * u0, v0, 0.35, 0.7)
        x, y = (side * du + 0.10 * dv) / (0.19 * size), dv / (0.47 * size)
        r = np.sqrt(x * x + (y + 0.25 * x) ** 2)
        whole = step((1 - r) * 0.19)
        ear = whole * (1 - layers.alpha[region])
        rim = np.exp(-(((r - 0.82) / 0.13) ** 2))
        height = layers.height[region]
        height += ear * (0.06 * rim - 0.05 * np.exp(-(((r - 0.45) / 0.2) ** 2)) - height + 0.02)
        tone = np.array((1.06, 0.88, 0.86), np.float32) * (0.62 + 0.38 * rim)[..., None]
        layers.blend(ear, person.skin * tone, region)
        layers.alpha[region] = np.maximum(layers.alpha[region], whole)


def _hair_mask(person: Person, shape: tuple[int, ...]) -> Array:
    u, v = canvas()
    rng = np.random.default_rng(person.texture_seed + 7)
    style = person.hair_style
    if style == "bald":
        return np.zeros(shape, np.float32)
    # Tufts end unevenly: noise stretched along the fall of the hair, in round locks when curly.
    tufts = noise(rng, shape, 4) if style == "curly" else cv2.blur(noise(rng, shape, 1.3), (1, 9)) * 1.6
    ragged = (0.035 if style == "curly" else 0.022) * tufts + 0.025 * noise(rng, shape, 12)
    volume = person.hair_volume * (1.9 if style == "curly" else 0.35 if style == "tied" else 1.0)
    sides = 0.45 * volume if style in ("short", "receding") else volume
    skull = half_width(person, (v + 0.5 * volume) * (1.99 / (1.99 + 0.6 * volume)))
    crown = half_width(person, v)
    outer: Array = np.maximum(skull, crown) + np.where(v < -1.0, volume, sides) * (v > -1.99 - volume)
    outer = np.where(v < -1.55, np.sqrt(np.maximum(1 - ((v + 1.0) / (-0.97 - volume)) ** 2, 0)) * (1.05 + sides), outer)
    outer = cv2.GaussianBlur(outer.astype(np.float32), (1, 0), sigmaX=0.01, sigmaY=3)
    outer = np.where(v < -1.97 - volume, -0.3, outer)
    line = person.hairline + 0.22 * np.abs(u) ** 2.2
    if style == "fringe":
        line = line * 0 - 0.80 + 0.10 * np.abs(u) ** 2 + 0.05 * np.sin(u * 17 + rng.uniform(0, 6))
    elif style == "receding":
        line = (
            person.hairline
            - 0.22
            - 0.30 * np.exp(-(((np.abs(u) - 0.42) / 0.2) ** 2))
            + 0.75 * np.clip(np.abs(u) - 0.55, 0, 1)
        )
    down = {"long": 2.0, "curly": -0.25, "fringe": 0.1, "tied": -0.55}.get(style, -0.45)
    if style == "fringe" and person.gender == "female":
        down = 1.2
    temple = step(np.abs(u) - np.maximum(0.87 * crown - 0.04 * (v + 0.3), 0.66) + ragged, 0.10) * step(down - v, 0.3)
    cap = step(line - v + 2 * ragged, 0.16)
    return (np.maximum(cap, temple) * step(outer - np.abs(u) + ragged, 0.07)).astype(np.float32)


def paint_hair(layers: Layers, person: Person) -> tuple[Array, Array]:
    """Paint the hair on the head: cap, temples and, for long styles, the strands beside the face.

    Returns its coverage (H, W) and colour (H, W, 3), to be laid once more over the details of the face.
    """
    shape = layers.height.shape
    mask = _hair_mask(person, shape)
    texture = strands(person, shape)
    u, v = canvas()
    if person.hair_style in ("bald", "receding", "short"):
        # Shaved or thin hair: a shadow on the scalp.
        rng = np.random.default_rng(person.texture_seed + 8)
        stubble = step(
            person.hairline + 0.1 - v + 0.45 * np.clip(np.abs(u) - 0.6, 0, 1) + 0.05 * noise(rng, shape, 6),
            0.3,
        )
        stubble *= layers.alpha * (0.32 if person.hair_style == "bald" else 0.5) * (0.8 + 0.25 * texture)
        layers.blend(np.clip(stubble, 0, 1), person.hair * 0.9)
    shadow = cv2.GaussianBlur(mask, (0, 0), 5) * (1 - mask)
    layers.albedo *= (1 - 0.45 * shadow)[..., None]
    colour = person.hair * np.clip(texture, 0.25, 2.2)[..., None]
    layers.blend(mask, colour)
    lift = cv2.GaussianBlur(mask, (0, 0), 4)
    layers.height += 0.14 * lift * mask + 0.015 * mask * (texture - 1)
    outside = mask * (layers.height < 0)
    layers.height += outside * (0.15 - 0.55 * layers.height)
    layers.gloss = layers.gloss * (1 - mask) + mask * 0.28 * np.clip(texture - 0.5, 0, 2)
    layers.alpha = 1 - (1 - layers.alpha) * (1 - mask)
    return mask, colour


def hair_behind(person: Person, u: Array, v: Array) -> Array:
    """Compute the coverage of hair behind the neck at face units (u, v): zero for short styles."""
    if person.hair_style in _SHORT or person.hair_style == "tied" or person.gender == "male":
        return np.zeros(np.broadcast(u, v).shape, np.float32)
    rng = np.random.default_rng(person.texture_seed + 9)
    length, spread = rng.uniform(0.9, 2.3), 1.02 + 0.8 * person.hair_volume
    wave = 0.05 * np.sin(3 * v + rng.uniform(0, 6)) + 0.02 * np.sin(11 * v)
    edge = spread + 0.06 * np.clip(v, 0, 2) + wave
    return (
        step(edge - np.abs(u), 0.06)
        * step(v + 1.3, 0.5)
        * step(length - v + 0.08 * np.sin(31 * u) + 0.05 * np.sin(77 * u), 0.12)
    )
