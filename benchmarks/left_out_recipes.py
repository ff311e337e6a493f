"""Recipes that `benchmarks.left_out` compares: faces (n, 224, 224, 3) uint8 in, columns of a regression out."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.imaging.transforms import as_resaved, drawn_quality, resize_rgb
from aletheia.models.linear_head import linear_head, pooled_features
from aletheia.models.registry import create_model
from benchmarks.left_out_pairs import KINDS

SIDE = 224  # of the faces as they are cut out, pixels
VIEWS = 3  # copies with heavy augmentation
#: High-pass filters (J. Fridrich, J. Kodovský, "Rich Models for Steganalysis of Digital Images", IEEE TIFS 7, 2012,
#: figure 2): first and second order, 3 x 3 and 5 x 5 square; the divisor beside each is its quantisation step.
RESIDUALS = (
    ([[-1, 1, 0]], 1),
    ([[1, -2, 1]], 2),
    ([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]], 4),
    ([[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]], 12),
)
_LEVELS = 5  # a residual is cut to -2 … 2


class Recipe(NamedTuple):
    """A way to describe faces: its name, and the parts whose columns are learnt from or scored.

    Attributes
    ----------
    name : str
    parts : tuple of str
        Names of `columns`; the first alone is scored, unless `mean`.
    mean : bool
        Every part is scored, and the logits are averaged (patches of one face); else the others are copies to learn
        from.
    pairs : tuple of str
        Kinds of fakes made of genuine pictures that are learnt from, each with its picture.
    plain : bool
        Whether the other faces are learnt from.
    """

    name: str
    parts: tuple[str, ...]
    mean: bool = False
    pairs: tuple[str, ...] = ()
    plain: bool = True


def recipes() -> Iterator[Recipe]:
    """List the recipes: network, resolution that all faces are brought to, side of the network's input."""
    for network, resolution, size in (
        *(("lite0", 64, 64), ("lite0", 64, 112), ("lite0", 64, 224), ("lite0", 112, 112), ("lite0", 112, 224)),
        *(("lite2", 64, 64), ("lite2", 64, 112), ("lite2", 64, 224), ("lite2", 112, 112)),
    ):
        name = f"{network}, faces of {resolution} pixels, input of {size}"
        yield Recipe(name, (f"{network}-{resolution}-{size}",))
    copies = tuple(f"heavy-{view}" for view in range(VIEWS))
    yield Recipe(f"lite0, 64 pixels, input of 112, {VIEWS} heavily augmented copies", ("lite0-64-112", *copies))
    yield Recipe("lite0 on high-pass pictures, 64 pixels, input of 112", ("highpass-64-112",))
    for resolution in (64, 112):
        yield Recipe(f"noise residuals, {resolution} pixels", (f"residuals-{resolution}-{resolution}",))
    yield Recipe("lite0, four patches of 112, mean logit", tuple(f"patch-{k}" for k in range(4)), mean=True)


def recipes_on_pairs() -> Iterator[Recipe]:
    """List those that learn from pairs: three networks with all kinds and with self-blending, one with each."""
    every = tuple(KINDS)
    for network, resolution, size in (("lite0", 64, 112), ("lite0", 64, 224), ("lite2", 64, 112)):
        name, parts = f"{network}, faces of {resolution} pixels, input of {size}", (f"{network}-{resolution}-{size}",)
        yield Recipe(f"{name}, and pairs", parts, pairs=every)
        yield Recipe(f"{name}, pairs only", parts, pairs=every, plain=False)
        for kind in KINDS if (network, size) == ("lite0", 112) else ("self-blend",):
            yield Recipe(f"{name}, and pairs by {kind}", parts, pairs=(kind,))
            yield Recipe(f"{name}, pairs by {kind} only", parts, pairs=(kind,), plain=False)


def columns(part: str, faces: Array, folder: Path) -> Array:
    """Compute the columns (n, d) of a part of a recipe, or read those of the same faces from the folder."""
    file = folder / f"{part}-{zlib.crc32(np.ascontiguousarray(faces)):08x}.npy"
    if not file.exists():
        kind, *numbers = part.split("-")
        np.save(file, _KINDS[kind](faces, kind, *map(int, numbers)))
    columns: Array = np.load(file)
    return columns


def delivered(face: Array, resolution: int, size: int) -> Array:
    """Bring a face to a resolution, save it as JPEG of a quality of 60 to 95, and read it at a size, as a run does."""
    quality = drawn_quality(face, 60, 95)
    return as_resaved(resize_rgb(np.ascontiguousarray(face), size), quality, resolution)


def _pooled(network: str, images: list[Array]) -> Array:
    net = create_model(f"efficientnet_{network}", weights="package").eval()
    return pooled_features(net, linear_head(net, network), np.stack(images))


def _network(faces: Array, kind: str, resolution: int, size: int) -> Array:
    return _pooled(kind, [delivered(face, resolution, size) for face in faces])


def _heavy(faces: Array, kind: str, view: int) -> Array:
    rng = np.random.default_rng(view)
    return _pooled("lite0", [_augmented(face, rng) for face in faces])


def _augmented(face: Array, rng: np.random.Generator) -> Array:
    """Shrink to 32 to 64 pixels, blur, mirror, change light, and save with a quality of 30 to 95; 112 pixels."""
    image = resize_rgb(np.ascontiguousarray(face), int(rng.uniform(32, 64)))
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.0))
    if rng.random() < 0.5:
        image = image[:, ::-1]
    light = image.astype(np.float32) * rng.uniform(0.8, 1.2) + rng.uniform(-20, 20)
    image = resize_rgb(light.clip(0, 255).astype(np.uint8), 112)
    return as_resaved(image, int(rng.integers(30, 96)))


def _highpass(faces: Array, kind: str, resolution: int, size: int) -> Array:
    images = []
    for face in faces:
        image = delivered(face, resolution, size).astype(np.float32)
        detail = image - cv2.GaussianBlur(image, (0, 0), 1.5 * size / resolution)
        images.append((128 + 8 * detail).clip(0, 255).astype(np.uint8))
    return _pooled("lite0", images)


def _residuals(faces: Array, kind: str, resolution: int, size: int) -> Array:
    return np.stack([_cooccurrences(delivered(face, resolution, size)) for face in faces])


def _cooccurrences(image: Array) -> Array:
    """Count which three residuals stand beside, and below, each other: square roots of the shares."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    shares = []
    for kernel, step in RESIDUALS:
        taps = np.array(kernel, dtype=np.float32)
        for turned in (taps, taps.T) if len(taps) == 1 else (taps,):
            r = np.clip(np.round(cv2.filter2D(grey, -1, turned) / step), -2, 2).astype(int) + 2
            for a, b, c in ((r[:, :-2], r[:, 1:-1], r[:, 2:]), (r[:-2], r[1:-1], r[2:])):
                code = (a * _LEVELS + b) * _LEVELS + c
                shares.append(np.bincount(code.ravel(), minlength=_LEVELS**3) / code.size)
    columns: Array = np.sqrt(np.concatenate(shares)).astype(np.float32)
    return columns


def _patch(faces: Array, kind: str, place: int) -> Array:
    half = SIDE // 2
    top, left = half * (place // 2), half * (place % 2)
    images = [delivered(face, SIDE, SIDE)[top : top + half, left : left + half] for face in faces]
    return _pooled("lite0", images)


_KINDS: dict[str, Callable[..., Array]] = {
    "lite0": _network,
    "lite2": _network,
    "heavy": _heavy,
    "highpass": _highpass,
    "residuals": _residuals,
    "patch": _patch,
}
