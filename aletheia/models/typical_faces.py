"""How far a face lies from the training faces: a test for pictures of another kind. Needs no torch.

A network gives any picture a score, also of a kind that it never saw. Compared are features of its last map, the power
spectrum and the colours of the crop, by the Mahalanobis distance from the training faces (Lee et al., "A Simple Unified
Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks", NeurIPS 2018). A face that lies farther
out than nearly all validation faces is not judged: a conformal test for outliers (Bates et al., "Testing for Outliers
with Conformal p-Values", Annals of Statistics 51, 2023).

``typical.safetensors`` may come from an untrusted source: its size, hash, shapes, types and values are checked.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.imaging.power_spectrum import decibels, radial_power
from aletheia.imaging.transforms import resize_rgb
from aletheia.models.model_files import TYPICAL, read_model_file
from aletheia.models.spec import TypicalSpec
from aletheia.models.typical_spectra import spectrum_size

MAX_FEATURES = 512
EMBEDDING_SIZE = 8
_MAX_BYTES = 4 * (MAX_FEATURES + 2) * MAX_FEATURES + 10_000
_BANDS = 12  # of a spectrum, equally wide on a logarithmic axis
_RIDGE = 0.01  # added to the variances of the standardised features: few faces say little about their correlations
_SMALLEST = 1e-6
#: Validation faces below which no distance is a limit: of 19 the farthest is, which one new face in 20 exceeds.
MIN_FACES = 19


@dataclass(frozen=True)
class TypicalFaces:
    """Centre and spread of the training faces' features.

    Attributes
    ----------
    mean, scale : ndarray
        (features,) float32.
    whitening : ndarray
        (features, features) float32, after which standardised features are uncorrelated, each of variance 1.
    """

    mean: Array
    scale: Array
    whitening: Array

    def distances(self, features: Array) -> Array:
        """Compute the distances (n,) from the centre of features (n, features), 1 being usual in each direction."""
        distances: Array = np.sqrt(np.mean(np.square(self._white(features), dtype=np.float64), axis=1))
        return distances

    def embeddings(self, features: Array) -> Array:
        """Project features (n, features) to (n, `EMBEDDING_SIZE`) in which training faces have mean 0 and variance 1.

        The directions are random, the same for every model of as many features (Johnson and Lindenstrauss, 1984).
        """
        white = self._white(features)
        directions = np.linalg.qr(np.random.default_rng(0).standard_normal((white.shape[1], EMBEDDING_SIZE)))[0]
        embeddings: Array = white @ directions
        return embeddings

    def _white(self, features: Array) -> Array:
        white: Array = ((features - self.mean) / self.scale) @ self.whitening
        return white


def fit_typical(features: Array) -> TypicalFaces:
    """Measure centre and spread of the features (n, features) of training faces."""
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), _SMALLEST)
    standard = (features - mean) / scale
    covariance = standard.T @ standard / len(standard) + _RIDGE * np.eye(features.shape[1])
    whitening = np.linalg.cholesky(np.linalg.inv(covariance))
    return TypicalFaces(*(part.astype(np.float32) for part in (mean, scale, whitening)))


def face_features(crops: Array, of_network: Array) -> Array:
    """Join the network's features (n, k) with measures of the crops (n, size, size, 3) uint8: (n, features) float64.

    The measures are the power spectrum in bands, decibels, and mean and standard deviation of luma, blue and red
    difference.
    """
    size = spectrum_size(crops.shape[1])
    resized = np.stack([resize_rgb(crop, size) for crop in crops])
    spectra = np.nan_to_num(decibels(radial_power(resized)))
    edges = np.unique(np.geomspace(1, spectra.shape[1] + 1, _BANDS + 1).round().astype(int)) - 1
    bands = np.stack([spectra[:, a:b].mean(axis=1) for a, b in itertools.pairwise(edges)], axis=1)
    colours = np.array([cv2.meanStdDev(cv2.cvtColor(crop, cv2.COLOR_RGB2YCrCb)) for crop in crops])
    parts = (of_network, bands, colours.reshape(len(crops), -1))
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts], axis=1)


def conformal_distance(distances: Array, groups: Array, level: float) -> tuple[float, float]:
    """Return a distance that few new faces of the same kind exceed, and the share that is promised.

    The limit is the quantile of the validation faces' distances at 1 - `level`, in which each group of faces (a person
    and whoever is connected with it) weighs the same. By hierarchical conformal prediction (Lee, Barber and Willett,
    "Distribution-Free Inference with Hierarchical Data", JRSS B, 2025) a face of a new group lies beyond it with
    probability (k level + 1) / (k + 1) at most, on average over validation sets of k groups: pictures of few people say
    little about others, however many they are. Of too few faces for the level the farthest is the limit, and the
    level is that of their number.

    Parameters
    ----------
    distances : ndarray
        (n,) of the validation faces; NaN where unknown.
    groups : ndarray
        (n,) int.
    level : float
        Share of the validation faces beyond the limit.

    Returns
    -------
    tuple of float
        Limit and promised share; an infinite limit of fewer than `MIN_FACES` known faces.
    """
    known = np.isfinite(distances)
    n = int(known.sum())
    if n < MIN_FACES:
        return float("inf"), 1.0
    level = max(level, 1 / (n + 1))
    values, ids = distances[known], np.unique(np.asarray(groups)[known], return_inverse=True)[1]
    sizes = np.bincount(ids)
    order = np.argsort(values, kind="stable")
    below = np.cumsum(1 / (len(sizes) * sizes[ids[order]]))
    rank = min(int(np.searchsorted(below, 1 - level - 1e-9)), n - 1)
    return float(values[order[rank]]), (len(sizes) * level + 1) / (len(sizes) + 1)


def write_typical(folder: str | Path, typical: TypicalFaces) -> bytes:
    """Write ``typical.safetensors`` atomically, and return its content."""
    from safetensors.numpy import save

    payload = save({name: np.ascontiguousarray(value) for name, value in vars(typical).items()})
    with atomic_write(Path(folder) / TYPICAL) as file:
        file.write(payload)
    return payload


def read_typical(folder: str | Path, rules: TypicalSpec) -> TypicalFaces:
    """Read ``typical.safetensors`` of a bundle.

    Raises
    ------
    InputError
        When it is missing, too large, another file than the one in ``model.json``, damaged, or holds other shapes,
        types, or values that are not finite.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    file, content = read_model_file(folder, TYPICAL, _MAX_BYTES, rules.sha256)
    try:
        parts: dict[str, Any] = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise InputError(f"{file} is no intact safetensors file ({str(error)[:200]}).") from None
    k = rules.features
    shapes = {"mean": (k,), "scale": (k,), "whitening": (k, k)}
    if {name: part.shape for name, part in parts.items()} != shapes or any(
        part.dtype != np.float32 or not np.isfinite(part).all() for part in parts.values()
    ):
        raise InputError(f"{file} does not hold finite numbers of the shapes {shapes}; fetch the model again.")
    if not (parts["scale"] > 0).all():
        raise InputError(f"{file}: a scale is not positive; fetch the model again.")
    return TypicalFaces(**parts)
