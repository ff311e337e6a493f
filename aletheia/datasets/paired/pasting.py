"""Moving a donor's face onto a target's, matching its colours, and pasting it."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

from aletheia.core.arrays import Array

METHODS = ("alpha", "poisson")


def fit_similarity(source: Array, target: Array) -> Array:
    """Fit the similarity transform, (2, 3) float64, that takes points (n, 2) nearest to others (least squares).

    S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", TPAMI 1991, without
    reflections: as complex numbers a similarity is z -> a z + b.
    """
    z, w = np.asarray(source, np.float64) @ (1, 1j), np.asarray(target, np.float64) @ (1, 1j)
    centred = z - z.mean()
    a = np.vdot(centred, w - w.mean()) / max(float(np.vdot(centred, centred).real), 1e-12)
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def warp_similar(donor: Array, matrix: Array, shape: tuple[int, ...]) -> Array:
    """Warp a picture by a similarity (2, 3) from its pixels to the target's, (H, W, 3) uint8.

    A picture that is more than halved is shrunk by areas first, so that it does not alias.
    """
    donor, factor = _shrunk(donor, matrix)
    matrix = matrix.copy()
    matrix[:, :2] /= factor
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # from edges to centres of pixels
    size = (shape[1], shape[0])
    return cv2.warpAffine(donor, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


def warp_piecewise(donor: Array, points: Array, target: Array, shape: tuple[int, ...]) -> Array:
    """Warp a picture so that its landmarks come to lie on the target's, triangle by triangle, (H, W, 3) uint8.

    The triangles are Delaunay's of the target's landmarks; within each the map is affine (Goshtasby, "Piecewise linear
    mapping functions for image registration", Pattern Recognition 1986). What lies outside of all triangles follows the
    similarity of all landmarks.

    Parameters
    ----------
    donor : (h, w, 3) uint8
    points, target : (n, 2)
        Landmarks of donor and target, in pixels of each.
    shape : tuple of int
        Height and width of the target.
    """
    donor, factor = _shrunk(donor, fit_similarity(points, target))
    back = fit_similarity(target, points)
    (x0, y0), (x1, y1) = np.floor(target.min(axis=0)).astype(int), np.ceil(target.max(axis=0)).astype(int) + 1
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, shape[1]), min(y1, shape[0])
    grid = np.moveaxis(np.mgrid[0 : shape[0], 0 : shape[1]][::-1], 0, -1) + 0.5
    places = grid @ back[:, :2].T + back[:, 2]
    inside = LinearNDInterpolator(Delaunay(target.astype(np.float64)), points.astype(np.float64))(grid[y0:y1, x0:x1])
    places[y0:y1, x0:x1] = np.where(np.isnan(inside), places[y0:y1, x0:x1], inside)
    maps = (places * factor - 0.5).astype(np.float32)
    x, y = np.ascontiguousarray(maps[..., 0]), np.ascontiguousarray(maps[..., 1])
    return np.asarray(cv2.remap(donor, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101))


def _shrunk(donor: Array, matrix: Array) -> tuple[Array, Array]:
    """Shrink a picture that a transform (2, 3) more than halves; also its size, (2,), as a share of what it was."""
    scale = float(np.hypot(*matrix[:2, 0]))
    if scale >= 0.5:
        return donor, np.ones(2)
    height, width = donor.shape[:2]
    small = (max(round(width * 2 * scale), 1), max(round(height * 2 * scale), 1))
    return cv2.resize(donor, small, interpolation=cv2.INTER_AREA), np.array([small[0] / width, small[1] / height])


def transfer_colours(source: Array, target: Array, mask: Array) -> Array:
    """Give a picture the colours that another has within a mask: mean and standard deviation in CIELAB.

    E. Reinhard, M. Ashikhmin, B. Gooch and P. Shirley, "Color Transfer between Images", IEEE CG&A 2001; in CIELAB in
    place of their lαβ. Contrast changes at most by a half, so that noise is not blown up.

    Parameters
    ----------
    source, target : (H, W, 3) uint8
        RGB.
    mask : (H, W) bool
        Where both are measured; the whole of `source` is changed.

    Returns
    -------
    (H, W, 3) uint8
    """
    a, b = to_lab(source), to_lab(target)
    ratio = np.clip(b[mask].std(axis=0) / np.maximum(a[mask].std(axis=0), 1e-3), 2 / 3, 1.5)
    moved = (a - a[mask].mean(axis=0)) * ratio + b[mask].mean(axis=0)
    rgb = cv2.cvtColor(moved.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.clip(np.round(rgb * 255), 0, 255), np.uint8)


def to_lab(rgb: Array) -> Array:
    """Convert a picture (H, W, 3) uint8 to CIELAB, float32: L from 0 to 100, a* and b* from about -100 to 100."""
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB))


def paste(target: Array, source: Array, mask: Array, method: str, softness: float) -> Array:
    """Paste a picture onto another within a mask; outside of it not a pixel changes.

    Parameters
    ----------
    target, source : (H, W, 3) uint8
        Of the same size, already in the same place.
    mask : (H, W) bool
    method : {'alpha', 'poisson'}
        Blended with a soft edge that lies within the mask; or with the source's gradients and the target's values along
        the edge (Pérez, Gangnet and Blake, "Poisson Image Editing", SIGGRAPH 2003, as OpenCV solves it).
    softness : float
        Standard deviation in pixels of the soft edge; Poisson needs none.

    Returns
    -------
    (H, W, 3) uint8
    """
    mask = mask.copy()
    mask[:2], mask[-2:], mask[:, :2], mask[:, -2:] = False, False, False, False  # Poisson needs values around it
    if not mask.any():
        return target.copy()
    if method == "poisson":
        x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
        stamp = np.repeat(mask[..., None].astype(np.uint8) * 255, 3, axis=2)
        centre = (x + width // 2, y + height // 2)
        source, around = np.ascontiguousarray(source), np.ascontiguousarray(target)
        blended = cv2.seamlessClone(source, around, stamp, centre, cv2.NORMAL_CLONE)
    else:
        weight = soft_edge(mask, softness)[..., None]
        blended = np.round(target + weight * (source.astype(np.float32) - target)).astype(np.uint8)
    return np.where(mask[..., None], blended, target)


def window_around(mask: Array, border: int) -> tuple[tuple[slice, slice], Array]:
    """Find the part of a picture that holds a mask (H, W) bool and a border; also its corner (x, y), pixels."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    x0, y0 = max(x - border, 0), max(y - border, 0)
    return (slice(y0, y + height + border), slice(x0, x + width + border)), np.array((x0, y0))


def soft_edge(mask: Array, softness: float) -> Array:
    """Turn a mask (H, W) bool into weights 0..1 float32 that rise from 0 at its edge, within it, to 1."""
    distance = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    step = np.clip(distance / max(3 * softness, 1e-3), 0, 1)
    return np.asarray(step * step * (3 - 2 * step), np.float32)
