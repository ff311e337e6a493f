"""Rendering of one shot of one person, shaded from a height field, in linear light.

The head is painted from the front (``features``, ``hair``), shaded by its height field (wrapped Lambert with
more wrap in red for light that scatters under skin, Blinn-Phong gloss, ambient occlusion, a marched cast
shadow), turned by a look-up through the height field and laid over neck, clothes and background.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.datasets.synthetic import features, hair, skin
from aletheia.datasets.synthetic.backdrop import paint_backdrop, paint_body
from aletheia.datasets.synthetic.head import (
    CANVAS_U,
    CANVAS_V,
    PIXELS_PER_UNIT,
    height_field,
    landmarks,
    lift_cheeks,
    to_canvas,
)
from aletheia.datasets.synthetic.layers import Layers, window
from aletheia.datasets.synthetic.people import Person
from aletheia.datasets.synthetic.scene import FRAME, Shot


def encode_srgb(linear: Array) -> Array:
    """Convert linear light to display values 0..1, with a film-like shoulder above 0.8.

    The sRGB curve is approximated by a fit of three roots.
    """
    x = np.maximum(linear, 0)
    x = np.where(x > 0.6, 1 - 0.4 * np.exp((0.6 - x) / 0.4), x)
    a = np.sqrt(x)
    b = np.sqrt(a)
    display = 0.662002687 * a + 0.684122060 * b - 0.323583601 * np.sqrt(b) - 0.0225411470 * x
    return np.asarray(np.clip(display, 0, 1))


@functools.lru_cache(maxsize=4)  # the shots of one person are drawn one after the other
def _at_rest(person: Person) -> tuple[Layers, Array, Array]:
    """Paint the part that all shots of a person share: canvas without eyes and mouth, coverage and colour of hair."""
    height, inside = height_field(person)
    layers = Layers(np.zeros((*height.shape, 3), np.float32), np.zeros_like(height), height, inside)
    skin.paint_skin(layers, person)
    skin.paint_nostrils(layers, person)
    skin.paint_beard(layers, person)
    hair.paint_ears(layers, person)
    cover, colour = hair.paint_hair(layers, person)
    return layers, cover, colour


def paint_head(person: Person, shot: Shot) -> Layers:
    """Paint the unlit frontal canvas of the head."""
    rest, cover, colour = _at_rest(person)
    layers = rest.copy()
    lift_cheeks(layers.height, shot.expression.smile)
    skin.paint_wrinkles(layers, person, shot.expression)
    features.paint_mouth(layers, person, shot.expression)
    features.paint_eyes(layers, person, shot.expression)
    features.paint_brows(layers, person, shot.expression)
    fringe, _, _ = window(0, -0.6, 1.0, 0.6)  # hair that falls over brows and furrows
    layers.blend(cover[fringe], colour[fringe], fringe)
    features.paint_glasses(layers, person)
    return layers


def _cast_shadow(height: Array, direction: Array, softness: float) -> Array:
    """Compute the share of light that arrives, 0..1.

    Marches from each point towards the light over the height field, at a quarter of its area.
    """
    small = cv2.resize(height, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    flat = max(float(np.hypot(direction[0], direction[1])), 1e-3)
    rise = float(direction[2]) / flat
    blocked = np.zeros_like(small)
    for reach in (0.05, 0.1, 0.16, 0.23, 0.32, 0.42, 0.55):
        shift = np.array(direction[:2]) / flat * reach * PIXELS_PER_UNIT / 2
        move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
        towards_light = cv2.warpAffine(small, move, small.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                               borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
        blocked = np.maximum(blocked, (towards_light - small - rise * reach) / (0.25 + softness))
    blocked = cv2.GaussianBlur(np.clip(6 * blocked, 0, 1), (0, 0), 1.0 + 2.5 * softness)
    return np.asarray(1 - 0.85 * cv2.resize(blocked, height.shape[::-1], interpolation=cv2.INTER_LINEAR))


def shade(layers: Layers, shot: Shot) -> Array:
    """Compute the radiance of the frontal canvas under the shot's light, (H, W, 3) linear."""
    light = shot.light
    to_light = shot.rotation().T @ light.direction  # in the coordinates of the turned head
    viewer = shot.rotation().T @ np.array((0, 0, 1), np.float32)
    height = layers.height
    gu = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=1, scale=PIXELS_PER_UNIT / 2)
    gv = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=1, scale=PIXELS_PER_UNIT / 2)
    slope = gu * gu + gv * gv
    tame = 1 / np.sqrt(1 + np.maximum(slope / 5.0 - 1, 0))  # the torn edge of ear or hair is no mirror
    norm = 1 / np.sqrt(slope * tame * tame + 1)
    nu, nv, nz = -gu * tame * norm, -gv * tame * norm, norm
    facing = nu * to_light[0] + nv * to_light[1] + nz * to_light[2]
    shadow = _cast_shadow(height, to_light, light.softness)
    hollow = cv2.GaussianBlur(height, (0, 0), 7) - height
    occlusion = np.clip(1 - 2.2 * np.maximum(hollow, 0), 0.35, 1)
    around = occlusion * (0.78 - 0.22 * nv)
    half_way = to_light + viewer
    half_way = half_way / np.linalg.norm(half_way)
    mirror = np.maximum(nu * half_way[0] + nv * half_way[1] + nz * half_way[2], 0)
    m2 = mirror * mirror
    m4 = m2 * m2
    m8 = m4 * m4
    m16 = m8 * m8
    broad, tight = m8 * m4 * m2, m16 * m16 * m16 * m16 * m16
    gloss = layers.gloss * shadow
    spec = (0.10 * broad * np.minimum(gloss, 0.45) + 0.75 * tight * np.maximum(gloss - 0.62, 0)) * (
        1.3 - 0.6 * light.softness
    )
    away = 1 - np.clip(nu * viewer[0] + nv * viewer[1] + nz * viewer[2], 0, 1)
    spec += 0.03 * away * away * away * occlusion
    # Light that has scattered in the skin comes from a blurred surface, red the farthest.
    diffuse = cv2.GaussianBlur(facing, (0, 0), 2.2)
    wrap = np.array((0.42, 0.26, 0.20), np.float32) * (0.6 + 0.8 * light.softness)
    open_sky = np.sqrt(occlusion)
    lit = np.empty_like(layers.albedo)
    for c, scattered in enumerate((0.55, 0.2, 0.0)):
        mixed = facing + scattered * (diffuse - facing)
        lambert = np.maximum((mixed + wrap[c]) / (1 + wrap[c]), 0)
        lit[..., c] = layers.albedo[..., c] * (lambert * shadow * light.key[c] + around * light.ambient[c]) * open_sky
        lit[..., c] += spec * (light.key[c] + 0.3 * light.ambient[c])
    return lit


def _place(shot: Shot, height: Array) -> tuple[Array, Array]:
    """Find the canvas pixel that each pixel of the frame shows, by fixed-point look-up through the height field.

    Solved for every second pixel and interpolated: the field is smooth.
    """
    rotation = shot.rotation()
    (a, b), (c, d) = rotation[:2, :2]
    inverse = np.array(((d, -b), (-c, a)), np.float32) / (a * d - b * c)
    pivot = rotation[:2, 2] * 0.45  # heads turn about the neck, not about the plane of the face's edge
    coarse = 2 * np.arange(FRAME // 2, dtype=np.float32) + 0.5
    x = (coarse[None, :] - np.float32(shot.centre[0])) / np.float32(shot.unit) + pivot[0]
    y = (coarse[:, None] - np.float32(shot.centre[1])) / np.float32(shot.unit) + pivot[1]
    z = np.full((FRAME // 2, FRAME // 2), 0.6, np.float32)
    for _ in range(6):
        dx, dy = x - rotation[0, 2] * z, y - rotation[1, 2] * z
        mx = (inverse[0, 0] * dx + inverse[0, 1] * dy - CANVAS_U[0]) * PIXELS_PER_UNIT - 0.5
        my = (inverse[1, 0] * dx + inverse[1, 1] * dy - CANVAS_V[0]) * PIXELS_PER_UNIT - 0.5
        z = 0.5 * z + 0.5 * cv2.remap(height, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    size = (FRAME, FRAME)
    return cv2.resize(mx, size, interpolation=cv2.INTER_LINEAR), cv2.resize(my, size, interpolation=cv2.INTER_LINEAR)


def project(shot: Shot, points: Array, height: Array) -> Array:
    """Project face units (n, 2) to pixels of the frame (n, 2)."""
    at = to_canvas(points).astype(np.float32).reshape(1, -1, 2)
    z = cv2.remap(height, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    turned = shot.rotation() @ np.vstack([np.asarray(points, np.float32).T, z - 0.45])
    return np.asarray(turned[:2].T * shot.unit + np.array(shot.centre))


def render(person: Person, shot: Shot, head_only: bool = False) -> tuple[Array, dict[str, Array]]:
    """Draw one shot of one person; ``head_only`` leaves everything behind the head grey, for a donor's face.

    Returns
    -------
    image : (FRAME, FRAME, 3) float32
        Display values 0..1 before camera noise.
    landmarks : dict of (n, 2) float arrays
        ``eyes``, ``brows``, ``nose``, ``mouth``, ``outline`` in pixels of the frame.
    """
    layers = paint_head(person, shot)
    lit = shade(layers, shot)
    smooth = cv2.GaussianBlur(layers.height, (0, 0), 2.0)
    mx, my = _place(shot, smooth)
    head = cv2.remap(
        np.dstack([lit, layers.alpha]),
        mx,
        my,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0, 0, 0, 0),
    )
    if head_only:
        scene = np.full((FRAME, FRAME, 3), 0.2, np.float32)
    else:
        scene = paint_backdrop(FRAME, shot.light, np.random.default_rng((shot.seed, 2)))
        paint_body(scene, person, shot, np.random.default_rng((shot.seed, 3)))
    alpha = head[..., 3:]
    scene += alpha * (head[..., :3] - scene)
    points = {name: project(shot, at, smooth) for name, at in landmarks(person, shot.expression).items()}
    return encode_srgb(scene), points
