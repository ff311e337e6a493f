"""Everything behind the head: background, neck, shoulders and clothes, hair on the shoulders."""

from __future__ import annotations

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.datasets.synthetic.hair import hair_behind
from aletheia.datasets.synthetic.layers import noise, step
from aletheia.datasets.synthetic.people import Person
from aletheia.datasets.synthetic.scene import Light, Shot


def paint_backdrop(size: int, light: Light, rng: np.random.Generator) -> Array:
    """Paint an out-of-focus background, (size, size, 3) linear: studio sweep, room, foliage or city lights."""
    whole, size = size, size // 2  # out of focus: half of the resolution is enough
    kind = rng.choice(("studio", "room", "foliage", "lights"), p=(0.3, 0.3, 0.25, 0.15))
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / np.float32(size)
    level = float(np.exp(rng.normal(-1.5, 0.6)))
    hue = np.clip(1 + 0.22 * rng.standard_normal(3), 0.4, 1.7)
    tilt = rng.normal(0, 0.35) * (x - 0.5) + rng.normal(0.1, 0.3) * (0.5 - y)
    image = (level * hue).astype(np.float32) * (1 + tilt)[..., None]
    if kind == "studio":
        glow = np.exp(-((x - rng.uniform(0.2, 0.8)) ** 2 + (y - rng.uniform(0.1, 0.8)) ** 2) / rng.uniform(0.08, 0.4))
        image *= (0.7 + 0.9 * glow)[..., None]
    elif kind == "room":
        small = np.ascontiguousarray(cv2.resize(image, (80, 80), interpolation=cv2.INTER_LINEAR))
        for _ in range(int(rng.integers(3, 9))):
            a, b = rng.integers(-10, 80, 2), rng.integers(8, 60, 2)
            colour = np.exp(rng.normal(-1.6, 0.8)) * np.clip(1 + 0.3 * rng.standard_normal(3), 0.3, 1.8)
            cv2.rectangle(small, a.tolist(), (a + b).tolist(), colour.tolist(), -1)
        small = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.8, 3.5))
        image = cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)
    elif kind == "foliage":
        green = np.array((0.55, 0.9, 0.3)) * (1 + 0.2 * rng.standard_normal(3))
        leaves = 0.5 * noise(rng, (size, size), 17) + 0.35 * noise(rng, (size, size), 6.5)
        image *= np.exp(0.55 * leaves)[..., None] * green.astype(np.float32)
    else:
        small = cv2.resize(image * 0.35, (160, 160))
        for _ in range(int(rng.integers(8, 26))):
            colour = np.exp(rng.normal(-0.6, 0.5)) * np.clip(1 + 0.4 * rng.standard_normal(3), 0.2, 2)
            spot = np.zeros_like(small)
            cv2.circle(
                spot,
                rng.integers(0, 160, 2).tolist(),
                int(rng.integers(3, 13)),
                colour.tolist(),
                -1,
                cv2.LINE_AA,
            )
            small += 0.6 * spot
        image = cv2.resize(cv2.GaussianBlur(small, (0, 0), 1.2), (size, size), interpolation=cv2.INTER_CUBIC)
    image = cv2.resize(image.astype(np.float32), (whole, whole), interpolation=cv2.INTER_LINEAR)
    image = np.maximum(image, 0.002) * (0.35 + 0.5 * (light.key + light.ambient)).astype(np.float32)
    return np.asarray(image * (1 + 0.015 * noise(rng, (whole, whole), 2))[..., None])


def _lay(scene: Array, mask: Array, colour: Array) -> None:
    scene += mask.astype(np.float32)[..., None] * (colour.astype(np.float32) - scene)


def paint_body(scene: Array, person: Person, shot: Shot, rng: np.random.Generator) -> None:
    """Lay hair behind the neck, the neck and the clothed shoulders over ``scene``, in place."""
    size = scene.shape[0]
    x = (np.arange(size, dtype=np.float32)[None, :] - np.float32(shot.centre[0])) / np.float32(shot.unit)
    y = (np.arange(size, dtype=np.float32)[:, None] - np.float32(shot.centre[1])) / np.float32(shot.unit)
    light = shot.light
    lx, lz = float(light.direction[0]), float(light.direction[2])
    chin = 1.32 * person.face_length

    back = hair_behind(person, x + 0.35 * np.sin(shot.yaw), y)
    if back.max() > 0:
        streaks = cv2.GaussianBlur(rng.standard_normal((size, size)).astype(np.float32), (0, 0), sigmaX=1.0, sigmaY=14)
        streaks = 1 + 0.33 * streaks / streaks.std()
        dim = 0.35 + 0.4 * np.clip(np.abs(x) - 0.4, 0, 1)
        _lay(
            scene,
            back,
            (np.clip(streaks, 0.2, 2) * dim)[..., None] * (person.hair * (light.key * 0.8 + light.ambient)),
        )

    first = int(np.clip(shot.centre[1] + 0.4 * shot.unit, 0, size - 1))  # above it the head covers everything
    scene, y = scene[first:], y[first:]
    shape = scene.shape[:2]
    male = person.gender == "male"
    half = (0.66 if male else 0.54) * person.jaw + 0.22 * np.clip(y - chin - 0.25, 0, 1) ** 1.5
    across = np.clip(x / half, -1, 1)
    round_normal = np.sqrt(np.maximum(1 - across * across, 0))
    facing = np.clip((across * lx + round_normal * max(lz, 0.2) + 0.25) / 1.25, 0, 1)
    under = 1 - 0.72 * np.exp(-(((y - chin - 0.02) / 0.34) ** 2)) * np.exp(-((x / 0.9) ** 4))
    texture = 1 + 0.05 * noise(rng, shape, 9) + 0.02 * noise(rng, shape, 1.7)
    texture *= 1 - 0.10 * np.exp(-(((np.abs(x) - 0.12 - 0.4 * (1.9 - y)) / 0.06) ** 2)) * (y > chin)
    facing *= under * texture
    round_normal = (0.45 + 0.35 * round_normal) * under * texture
    skin = facing[..., None] * (person.skin * light.key) + round_normal[..., None] * (person.skin * light.ambient)
    _lay(scene, step(half - np.abs(x), 0.03) * step(y - 0.5, 0.1), skin)

    slope = rng.uniform(0.30, 0.42)
    shoulder = chin + 0.42 + slope * np.abs(x) ** 1.25 - 0.11 * np.exp(-((np.abs(x) / 0.75) ** 4))
    collar = str(rng.choice(("round", "vee", "high"), p=(0.5, 0.3, 0.2)))
    opening = {"round": 0.48 - 1.05 * x**2, "vee": 0.95 - 1.35 * np.abs(x), "high": 0.12 - 0.3 * x**2}[collar]
    top = np.where(np.abs(x) < 0.95, np.maximum(shoulder, chin + 0.33 + np.maximum(opening, -0.1) * 0.8), shoulder)
    cloth = np.clip(np.exp(rng.normal(-2.0, 0.9)) * np.clip(1 + 0.45 * rng.standard_normal(3), 0.25, 2.2), 0.006, 0.8)
    folds = noise(rng, shape, 26)
    grad = cv2.Sobel(folds, cv2.CV_32F, 1, 0, ksize=5) * 0.02
    weave = 1 + 0.06 * noise(rng, shape, 1.5) + (0.18 * np.sign(np.sin(y * 60)) if rng.random() < 0.2 else 0)
    bright = np.clip(0.72 + 0.30 * lx * np.tanh(x) + 0.5 * grad * lx + 0.10 * folds - 0.1 * (y - 1.6), 0.1, 1.3) * weave
    bright *= 1 - 0.45 * np.exp(-(((y - top) / 0.07) ** 2))  # the hem's shadow
    colour = (cloth * (light.key * 0.8 + light.ambient)).astype(np.float32)
    _lay(scene, step(y - top, 0.03), bright[..., None] * colour)
