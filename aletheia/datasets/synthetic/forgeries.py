"""Three ways to forge a face, each with a published counterpart.

All work on a captured image, noise included, and change the inner face only; background, brightness and file settings
stay the same.
"""

from __future__ import annotations

import cv2
import numpy as np

from aletheia.core.arrays import Array

Landmarks = dict[str, Array]

GENERATORS = ("self-blended", "face-swap", "upsampled")
STAGES = 3  # of the up-sampling network


def face_mask(shape: tuple[int, int], points: Landmarks, rng: np.random.Generator, grow: float = 1.0) -> Array:
    """Draw a mask of the inner face, (H, W) float32 0 or 1: the hull of brows and jaw, shrunk a little at random."""
    hull = np.concatenate([points["brows"], points["outline"][3:-3], points["mouth"], points["eyes"]])
    centre = hull.mean(axis=0)
    hull = centre + (hull - centre) * grow * rng.uniform(0.86, 0.98, 2)
    mask = np.zeros(shape, np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(hull * 8).astype(np.int32)), (1.0,), cv2.LINE_8, shift=3)
    return mask


def _elastic(mask: Array, rng: np.random.Generator, strength: float) -> Array:
    height, width = mask.shape
    grid = rng.uniform(-strength, strength, (2, 6, 6)).astype(np.float32)
    dx, dy = (cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC) for part in grid)
    x = np.arange(width, dtype=np.float32)[None, :] + dx
    y = np.arange(height, dtype=np.float32)[:, None] + dy
    return cv2.remap(mask, x, y, cv2.INTER_LINEAR)


def _soften(mask: Array, rng: np.random.Generator, low: float, high: float) -> Array:
    """Blur, keep the core, blur again: the edge's width varies and never reaches beyond the mask by much."""
    blurred = cv2.GaussianBlur(mask, (0, 0), rng.uniform(low, high))
    core = np.where(blurred >= 0.95, 1.0, 0.0).astype(np.float32) if rng.random() < 0.5 else blurred
    return np.clip(cv2.GaussianBlur(core, (0, 0), rng.uniform(low, high)), 0, 1)


def _change_colours(image: Array, level: float, rng: np.random.Generator) -> Array:
    """Change RGB shift, saturation, brightness and contrast, both ways alike, in proportion to the face's ``level``."""
    shift = (level * rng.uniform(-0.14, 0.14, 3)).astype(np.float32)
    grey = image.mean(axis=-1, keepdims=True)
    saturated = grey + (image - grey) * np.float32(np.exp(rng.uniform(-0.3, 0.3)))
    contrast = np.float32(np.exp(rng.uniform(-0.12, 0.12)))
    brightness = np.float32(level * np.exp(rng.uniform(-0.08, 0.08)))
    return np.asarray(np.clip((saturated - np.float32(level)) * contrast + brightness + shift, 0, 255))


def _change_frequency(image: Array, rng: np.random.Generator) -> Array:
    """Shrink and enlarge, or sharpen."""
    if rng.random() < 0.5:
        height, width = image.shape[:2]
        factor = rng.uniform(0.20, 0.36)
        small = cv2.resize(image, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (width, height), interpolation=int(rng.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC))))
    amount = np.float32(rng.uniform(1.2, 2.4))
    return np.asarray(np.clip(image + amount * (image - cv2.GaussianBlur(image, (0, 0), 1.3)), 0, 255))


def self_blended(image: Array, points: Landmarks, rng: np.random.Generator, unit: float = 1.0) -> Array:
    """Blend an image with a changed version of itself (Shiohara and Yamasaki, CVPR 2022, section 3).

    A source is made from the image by a change in colour and in frequency, then shifted and resized a
    little; the landmark hull is deformed elastically and softened twice; the blend uses a random ratio. (The
    paper changes the target half of the time. Not so here: a changed background would give the label
    away without the face.)

    Parameters
    ----------
    image : (H, W, 3) float32
        Display values 0..255.
    points : dict
        Landmarks as :func:`~aletheia.datasets.synthetic.faces.render` returns them.
    unit : float
        Widths of seam and deformation, in those of a face of 128 pixels.

    Returns
    -------
    (H, W, 3) float32
    """
    height, width = image.shape[:2]
    hull = face_mask((height, width), points, rng)
    source = _change_frequency(_change_colours(image, float(image[hull > 0].mean()), rng), rng)
    scale = rng.uniform(0.96, 1.05, 2)
    shift = rng.uniform(-0.02, 0.02, 2) * (width, height)
    centre = points["nose"][0]
    move = np.array(
        [
            [scale[0], 0, centre[0] * (1 - scale[0]) + shift[0]],
            [0, scale[1], centre[1] * (1 - scale[1]) + shift[1]],
        ]
    )
    source = cv2.warpAffine(source, move, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    mask = _elastic(hull, rng, 6.0 * unit)
    mask = _soften(mask, rng, 0.7 * unit, 2.2 * unit) * np.float32(rng.choice((0.5, 0.75, 1.0), p=(0.1, 0.2, 0.7)))
    return image + mask[..., None] * (source - image)


def _match_colours(source: Array, target: Array, mask: Array) -> Array:
    """Give the source's face the mean and spread of the target's (Reinhard et al., CG&A 2001; in RGB)."""
    inside = mask > 0.5
    a, b = source[inside], target[inside]
    ratio = np.clip(b.std(axis=0) / np.maximum(a.std(axis=0), 1), 0.6, 1.6)
    return np.asarray(np.clip((source - a.mean(axis=0)) * ratio + b.mean(axis=0), 0, 255))


def _pyramid_blend(source: Array, target: Array, mask: Array, levels: int = 3) -> Array:
    """Blend band by band of a Laplacian pyramid (Burt and Adelson, ACM TOG 1983)."""
    weights = [mask]
    bands_s, bands_t = [source], [target]
    for _ in range(levels):
        weights.append(cv2.pyrDown(weights[-1]))
        bands_s.append(cv2.pyrDown(bands_s[-1]))
        bands_t.append(cv2.pyrDown(bands_t[-1]))
    out: Array = bands_t[-1] + weights[-1][..., None] * (bands_s[-1] - bands_t[-1])
    for k in range(levels - 1, -1, -1):
        size = bands_s[k].shape[1::-1]
        detail_s = bands_s[k] - cv2.pyrUp(bands_s[k + 1], dstsize=size)
        detail_t = bands_t[k] - cv2.pyrUp(bands_t[k + 1], dstsize=size)
        out = cv2.pyrUp(out, dstsize=size) + detail_t + weights[k][..., None] * (detail_s - detail_t)
    return out


def face_swap(
    image: Array, points: Landmarks, donor: Array, donor_points: Landmarks, rng: np.random.Generator
) -> Array:
    """Put another identity's inner face onto an image.

    As the autoencoder swaps of FaceForensics++ (Rössler et al., ICCV 2019): the donor's face in the target's
    pose and expression comes out of a network at low resolution, is warped onto the target's landmarks,
    matched in colour and blended without a seam: by Poisson editing (Pérez et al., SIGGRAPH 2003) or a
    Laplacian pyramid.

    Parameters
    ----------
    image : (H, W, 3) float32
        The target, display values 0..255.
    donor : (H, W, 3) float32
        The donor in the target's pose, noise-free as a network's output is, display values 0..255.
    points, donor_points : dict
        Landmarks of both.
    """
    height, width = image.shape[:2]
    names = ("eyes", "nose", "mouth")
    a = np.concatenate([donor_points[name] for name in names]).astype(np.float32)
    b = np.concatenate([points[name] for name in names]).astype(np.float32)
    move, _ = cv2.estimateAffinePartial2D(a, b, method=cv2.LMEDS)
    side = int(rng.integers(44, 68))  # pixels that the network puts out for the head
    factor = side / (0.62 * width)
    low = cv2.resize(donor, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    source = cv2.resize(low, (width, height), interpolation=cv2.INTER_LINEAR)
    source = cv2.warpAffine(source, move, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    mask = face_mask((height, width), points, rng)
    source = _match_colours(source, image, mask)
    if rng.random() < 0.5:
        x, y, w, h = cv2.boundingRect((mask > 0).astype(np.uint8))
        stamp = (mask * 255).astype(np.uint8)
        centre = (x + w // 2, y + h // 2)
        blended = cv2.seamlessClone(source.astype(np.uint8), image.astype(np.uint8), stamp, centre, cv2.NORMAL_CLONE)
        inside = cv2.GaussianBlur(mask, (0, 0), 1.0)[..., None]
        return image + inside * (blended.astype(np.float32) - image)
    soft = _soften(_elastic(mask, rng, 3.0), rng, 1.0, 3.0)
    return np.clip(_pyramid_blend(source, image, soft), 0, 255)


def _kernels(seed: int) -> list[Array]:
    """Draw the fixed transposed-convolution kernels, 4 x 4, of one up-sampling network: nearly bilinear."""
    rng = np.random.default_rng((seed, 4242))
    base = np.outer((0.25, 0.75, 0.75, 0.25), (0.25, 0.75, 0.75, 0.25))
    kernels = []
    for _ in range(STAGES):
        kernel = base * (1 + 0.13 * rng.standard_normal((4, 4)))
        kernels.append((kernel * (4 / kernel.sum())).astype(np.float32))
    return kernels


def upsample_network(image: Array, kernels: list[Array]) -> Array:
    """Enlarge by two with each kernel: insert zeros, convolve.

    Uneven kernel phases leave the checkerboard that gives such networks away.
    """
    for kernel in kernels:
        height, width = image.shape[:2]
        spread = np.zeros((2 * height, 2 * width, 3), np.float32)
        spread[::2, ::2] = image
        image = cv2.filter2D(spread, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return image


def upsampled(image: Array, points: Landmarks, rng: np.random.Generator, network: int = 0) -> Array:
    """Pass the inner face through an up-sampling network.

    Zero insertion and convolution, as transposed convolutions do, leave spectral peaks and a wrong fall-off
    (Zhang et al., WIFS 2019, "AutoGAN"; Durall et al., CVPR 2020). Here stages of factor two with kernels
    fixed for ``network`` restore a face from a fraction of its size; the fine detail that an encoder's skip
    connections would carry is added back from the image in part.

    Parameters
    ----------
    image : (H, W, 3) float32
        Display values 0..255; both sides divisible by ``2 ** STAGES``.
    points : dict
        Landmarks.
    network : int
        Seed of the kernels.
    """
    height, width = image.shape[:2]
    step = 2**STAGES
    small = cv2.resize(image, (width // step, height // step), interpolation=cv2.INTER_AREA)
    restored = upsample_network(small, _kernels(network))
    smooth = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    keep = np.float32(rng.uniform(0.25, 0.55))
    restored = np.clip(restored + keep * (image - smooth), 0, 255)
    mask = _soften(face_mask((height, width), points, rng, grow=1.04), rng, 1.5, 3.5)
    return np.asarray(image + mask[..., None] * (restored - image))
