"""Probabilities of fake for crops and for manifests. A file that cannot be read has no score, never 0.5."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.progress import tqdm
from aletheia.imaging.pixel_cache import iterate_images
from aletheia.imaging.reading import Unreadable
from aletheia.imaging.transforms import IMAGENET_MEAN, IMAGENET_STD, normalise, resize_rgb
from aletheia.models.feature_cache import cached_features
from aletheia.models.linear_head import linear_head
from aletheia.models.network import with_features
from aletheia.models.spec import ModelSpec
from aletheia.models.typical_faces import face_features


@dataclass(frozen=True)
class Scores:
    """Scores of the rows of a manifest.

    Attributes
    ----------
    probabilities : ndarray
        (n,) float32 in [0, 1]; NaN where there is none.
    logits : ndarray
        (n,) float32, before calibration; NaN likewise.
    skipped : DataFrame
        Columns path and reason: rows that could not be read.
    """

    probabilities: Array
    logits: Array
    skipped: pd.DataFrame


def predict_crops(model: nn.Module, spec: ModelSpec, crops: Array, batch_size: int = 64) -> Array:
    """Score face crops.

    Parameters
    ----------
    model, spec
        Of `aletheia.models.bundle.load_bundle`.
    crops : ndarray
        (n, H, W, 3) uint8 RGB, cut out as `spec.crop` says; resized to the network's input where they differ
        from it.
    batch_size : int
        Crops at a time.

    Returns
    -------
    ndarray
        (n,) float32 probabilities of fake.

    Raises
    ------
    InputError
        For another shape or type.
    """
    return spec.calibration.probabilities(crop_logits(model, spec, crops, batch_size))


def crop_logits(model: nn.Module, spec: ModelSpec, crops: Array, batch_size: int = 64) -> Array:
    """Compute logits (n,) float32 of face crops, before calibration; otherwise as `predict_crops`."""
    crops = np.asarray(crops)
    if crops.ndim != 4 or crops.shape[3] != 3 or crops.dtype != np.uint8 or 0 in crops.shape[1:]:
        raise InputError(f"Face crops must be (n, height, width, 3) uint8, not {crops.shape} {crops.dtype}.")
    logits = [
        _logits(model, spec, [resize_rgb(crop, spec.input_size) for crop in crops[i : i + batch_size]])
        for i in range(0, len(crops), batch_size)
    ]
    return np.concatenate(logits) if logits else np.zeros(0, dtype=np.float32)


def score_manifest(
    model: nn.Module, spec: ModelSpec, frame: pd.DataFrame, batch_size: int = 64, *, progress: bool = True
) -> Scores:
    """Score every row of a manifest of face crops; images are read as they are needed, not kept.

    Parameters
    ----------
    model, spec
        Of `aletheia.models.bundle.load_bundle`.
    frame : DataFrame
        With the column path.
    batch_size : int
        Images at a time.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Scores
        In the order of the rows.
    """
    paths = frame["path"].astype(str).tolist()
    logits = np.full(len(paths), np.nan, dtype=np.float32)
    skipped: list[tuple[str, str]] = []
    with tqdm(total=len(paths), desc="Scoring", unit="image", disable=not progress) as bar:
        for start in range(0, len(paths), batch_size):
            rows, images, unreadable = _read_batch(paths, start, batch_size, spec.input_size)
            skipped += [(paths[row], reason) for row, reason in unreadable.items()]
            if images:
                logits[rows] = _logits(model, spec, images)
            bar.update(len(rows) + len(unreadable))
    return Scores(spec.calibration.probabilities(logits), logits, pd.DataFrame(skipped, columns=["path", "reason"]))


def predict_manifest(
    model: nn.Module, spec: ModelSpec, frame: pd.DataFrame, batch_size: int = 64, *, progress: bool = True
) -> Array:
    """Return the probabilities of `score_manifest` alone: (n,) float32, NaN where a row could not be read."""
    return score_manifest(model, spec, frame, batch_size, progress=progress).probabilities


@torch.inference_mode()
def manifest_features(model: nn.Module, spec: ModelSpec, frame: pd.DataFrame, batch_size: int = 64) -> Array | None:
    """Compute the features of the face crops of a manifest, see `aletheia.models.typical_faces.face_features`.

    Parameters
    ----------
    model, spec
        Of `aletheia.models.bundle.load_bundle`.
    frame : DataFrame
        With the column path.
    batch_size : int
        Images at a time.

    Returns
    -------
    ndarray or None
        (n, features) float64, NaN where a crop cannot be read; None without any, or for a network whose last map is not
        declared.
    """
    paths = frame["path"].astype(str).tolist()
    table: Array | None = None
    device = next(model.parameters()).device
    for start in range(0, len(paths), batch_size):
        rows, images, _ = _read_batch(paths, start, batch_size, spec.input_size)
        if not images:
            continue
        crops = np.stack(images)
        features = with_features(model, normalise(torch.from_numpy(crops).to(device), spec.mean, spec.std))[2]
        if features is None:
            return None
        values = face_features(crops, features.float().cpu().numpy())
        if table is None:
            table = np.full((len(paths), values.shape[1]), np.nan)
        table[rows] = values
    return table


def _read_batch(
    paths: list[str], start: int, batch_size: int, size: int
) -> tuple[list[int], list[Array], dict[int, str]]:
    """Read the images from `start` on: rows and pixels of those that can be read, and the reasons of the others."""
    rows, images, unreadable = [], [], {}
    for row, image in enumerate(iterate_images(paths[start : start + batch_size], size), start):
        if isinstance(image, Unreadable):
            unreadable[row] = image.reason
        else:
            rows.append(row)
            images.append(image)
    return rows, images, unreadable


def _is_frozen(spec: ModelSpec) -> bool:
    """Whether the head alone was trained, on features of pixels that were normalised as ImageNet's are."""
    return spec.training.get("features") == "frozen" and (spec.mean, spec.std) == (IMAGENET_MEAN, IMAGENET_STD)


@torch.inference_mode()
def _logits(model: nn.Module, spec: ModelSpec, images: list[Array]) -> Array:
    device = next(model.parameters()).device
    if _is_frozen(spec):
        head = linear_head(model, spec.architecture)
        features = cached_features(model, head, np.stack(images), device)
        scores: Array = features @ head.weight[0].float().cpu().numpy() + head.bias.item()
        return scores.astype(np.float32)
    pixels = torch.from_numpy(np.stack(images)).to(device)
    logits: torch.Tensor = model(normalise(pixels, spec.mean, spec.std))
    return logits.float().cpu().numpy()
