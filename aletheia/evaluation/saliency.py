"""Where in the crop a network finds its evidence: attribution maps of test fakes and of genuine faces.

A mark, a logo or a border stands at one place in all fakes, and a network that has learnt it finds its evidence there
in each of them. So the maps are averaged over fakes, and what matters is the share that the best small window of the
mean holds. The map is integrated gradients (Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML
2017) from the blurred crop to the crop itself, whose sum is the difference of the two logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
import torch
from scipy.stats import t as student
from torch import nn

from aletheia.core.arrays import Array
from aletheia.imaging.pixel_cache import iterate_images
from aletheia.imaging.reading import Unreadable
from aletheia.imaging.transforms import normalise
from aletheia.models.spec import ModelSpec
from aletheia.stats.clustered_auc import MIN_GROUPS
from aletheia.stats.estimate import Estimate

#: Faces of each class, at most.
FACES = 64
#: Cells a side of a map.
GRID = 32
#: Height and width of the windows in cells, each a sixteenth of the area: marks are compact, borders are strips.
SHAPES = ((GRID // 4, GRID // 4), (GRID, GRID // 16), (GRID // 16, GRID))
#: Share of the evidence that any window holds where it is spread evenly.
UNIFORM = 1 / 16
_STEPS = 4
#: Pixels of the crops whose gradients are computed at a time: an EfficientNet-B4 takes some 4 kB for each of them.
_BATCH_PIXELS = 32 * 128**2
_BLUR = 1 / 8  # standard deviation, of the crop's side


class Window(NamedTuple):
    """A part of a map, in cells."""

    top: int
    left: int
    height: int
    width: int

    def of(self, maps: Array) -> Array:
        """Return this part of maps (..., GRID, GRID)."""
        part: Array = maps[..., self.top : self.top + self.height, self.left : self.left + self.width]
        return part


@dataclass(frozen=True, eq=False)
class ClassSaliency:
    """The maps of one class.

    Attributes
    ----------
    face, heat : ndarray
        Mean crop (size, size, 3) uint8 RGB, and mean map (GRID, GRID), which sums to 1.
    window : Window
        The one that holds most of the mean map.
    share : Estimate
        Mean share of a face's evidence that lies in the window which other people's faces show; see `shared_window`.
    """

    face: Array
    heat: Array
    window: Window
    share: Estimate


@dataclass(frozen=True, eq=False)
class Saliency:
    """Maps of fakes and of genuine faces; None for a class without readable faces."""

    fake: ClassSaliency | None
    real: ClassSaliency | None

    def to_dict(self) -> dict[str, float]:
        """Return plain values for `aletheia.release.evaluation_records.SaliencyRecord`."""
        values = {"uniform": UNIFORM}
        for name, part in (("fake", self.fake), ("real", self.real)):
            values |= (Estimate(float("nan")) if part is None else part.share).to_columns(name)
        return values


def compare_saliency(
    network: nn.Module, spec: ModelSpec, frame: pd.DataFrame, fake: Array, groups: Array, *, seed: int = 0
) -> Saliency:
    """Average maps of up to `FACES` fakes and as many genuine faces.

    Parameters
    ----------
    network, spec
        Of `aletheia.models.bundle.load_bundle`.
    frame : DataFrame
        (n rows) a manifest of face crops.
    fake : ndarray
        (n,) bool.
    groups : ndarray
        (n,) the unit that was sampled.
    seed : int
        Of the draw of faces, which takes as many groups as there are.
    """
    parts = []
    for part in (fake, ~fake):
        rows = np.flatnonzero(part)
        rows = rows[spread_over_groups(groups[rows], FACES, seed)]
        images = list(iterate_images(frame["path"].iloc[rows].astype(str).tolist(), spec.input_size))
        known = [k for k, image in enumerate(images) if not isinstance(image, Unreadable)]
        crops = [image for image in images if not isinstance(image, Unreadable)]
        parts.append(_class_saliency(network, spec, np.stack(crops), groups[rows[known]]) if crops else None)
    return Saliency(*parts)


def spread_over_groups(groups: Array, n: int, seed: int = 0) -> Array:
    """Draw up to n rows, from each group one before any gives a second: their positions, in random order."""
    order = np.random.default_rng(seed).permutation(len(groups))
    turn = pd.Series(groups[order]).groupby(groups[order]).cumcount().to_numpy()
    return np.asarray(order[np.argsort(turn, kind="stable")][:n])


def attribution_maps(network: nn.Module, spec: ModelSpec, crops: Array) -> Array:
    """Compute integrated gradients of the logit of "fake", summed over colours.

    Parameters
    ----------
    network, spec
        Of `aletheia.models.bundle.load_bundle`.
    crops : ndarray
        (n, size, size, 3) uint8 RGB with the network's input size.

    Returns
    -------
    ndarray
        (n, GRID, GRID) float64, positive where something speaks for a fake. Each sums to the logit of the crop minus
        that of the blurred crop, but for the error of the integral.
    """
    device = next(network.parameters()).device
    maps, size = [], max(1, _BATCH_PIXELS // spec.input_size**2)
    for start in range(0, len(crops), size):
        batch = crops[start : start + size]
        blurred = np.stack([cv2.GaussianBlur(crop, (0, 0), _BLUR * spec.input_size) for crop in batch])
        pixels, base = (normalise(torch.from_numpy(part).to(device), spec.mean, spec.std) for part in (batch, blurred))
        total = torch.zeros_like(pixels)
        for step in (np.arange(_STEPS) + 0.5) / _STEPS:
            between = (base + float(step) * (pixels - base)).detach().requires_grad_(True)
            total += torch.autograd.grad(network(between).sum(), between)[0]
        maps.append(((pixels - base) * total / _STEPS).sum(dim=1).detach().double().cpu().numpy())
    heats = [cv2.resize(heat, (GRID, GRID), interpolation=cv2.INTER_AREA) for heat in np.concatenate(maps)]
    out: Array = np.stack(heats) * (spec.input_size / GRID) ** 2  # resizing keeps the mean, not the sum
    return out


def shared_window(maps: Array, groups: Array) -> Estimate:
    """Estimate how much of each map lies in the window that the maps of other groups show.

    Each half of the groups is measured in the best window of the other half: in their own, the best of many would
    flatter.

    Parameters
    ----------
    maps : ndarray
        (n, GRID, GRID), each not negative and summing to 1.
    groups : ndarray
        (n,) the unit that was sampled.

    Returns
    -------
    Estimate
        The mean with a 95 % interval (Student's t over groups); without one of fewer than `MIN_GROUPS` groups, not
        defined of fewer than two.
    """
    ids = np.unique(groups, return_inverse=True)[1]
    count = int(ids.max(initial=-1)) + 1
    if count < 2:
        return Estimate(float("nan"), n=len(maps))
    shares = np.zeros(len(maps))
    for half in (ids % 2 == 0, ids % 2 == 1):
        shares[half] = best_window(maps[~half].sum(axis=0)).of(maps[half]).sum(axis=(1, 2))
    value = float(shares.mean())
    if count < MIN_GROUPS:
        return Estimate(value, n=len(maps))
    spread = np.bincount(ids, shares - value) / len(maps)
    error = float(np.sqrt(count / (count - 1) * np.square(spread).sum()))
    half = float(student.ppf(0.975, count - 1)) * error
    return Estimate(value, max(value - half, 0.0), min(value + half, 1.0), len(maps))


def best_window(heat: Array) -> Window:
    """Find the window of one of `SHAPES` that holds most of a map (GRID, GRID)."""
    found = []
    for shape in SHAPES:
        sums = np.lib.stride_tricks.sliding_window_view(heat, shape).sum(axis=(2, 3))
        top, left = np.unravel_index(int(sums.argmax()), sums.shape)
        found.append((float(sums.max()), Window(int(top), int(left), *shape)))
    return max(found, key=lambda one: one[0])[1]


def _class_saliency(network: nn.Module, spec: ModelSpec, crops: Array, groups: Array) -> ClassSaliency:
    maps = np.abs(attribution_maps(network, spec, crops))
    sums = maps.sum(axis=(1, 2), keepdims=True)
    # A network that answers the same whatever it is shown has no evidence anywhere.
    maps = np.divide(maps, sums, out=np.full_like(maps, GRID**-2), where=sums > 0)
    heat = maps.mean(axis=0)
    face = np.rint(crops.mean(axis=0)).astype(np.uint8)
    return ClassSaliency(face, heat, best_window(heat), shared_window(maps, groups))
