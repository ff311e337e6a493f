"""Control: the correlation of a crop's high-pass residual with a template that was learnt from other crops.

What stands at the same place in every fake (a mark of a program, a border, spectacles that a generator draws the same
each time) survives an average over people, whose faces do not. Lukáš, Fridrich and Goljan ("Digital Camera
Identification from Sensor Pattern Noise", IEEE TIFS 1, 2006) average high-pass residuals to find a sensor's pattern and
correlate pictures with it; here the pattern is the difference between the mean residuals of fakes and of real faces.
Most of its pixels are noise of the average, and are shrunk to zero (nearest shrunken centroids: Tibshirani, Hastie,
Narasimhan and Chu, PNAS 99, 2002).
"""

from __future__ import annotations

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.stats.curves import auc

#: Standard deviation, pixels, of the Gaussian that a residual is the difference to.
SIGMA = 1.5
#: Standard errors that a pixel's difference is shrunk by; the one that tells most in the folds is taken, and of those
#: that tell as much the largest.
SHRINKAGES = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0)
_AS_MUCH = 0.005  # of mean AUC
_CLIP = 24.0  # grey levels: edges would count for more than a hundred faint pixels


def residuals(crops: Array) -> Array:
    """Subtract its blurred copy from each crop's luma, clip, and remove the mean.

    Parameters
    ----------
    crops : ndarray
        (n, size, size, 3) uint8 RGB.

    Returns
    -------
    ndarray
        (n, size * size) float32, grey levels.
    """
    out = np.empty((len(crops), crops.shape[1] * crops.shape[2]), dtype=np.float32)
    for row, crop in enumerate(crops):
        luma = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
        residual = np.clip(luma - cv2.GaussianBlur(luma, (0, 0), SIGMA), -_CLIP, _CLIP)
        out[row] = (residual - residual.mean()).ravel()
    return out


def fit_template(values: Array, fake: Array, shrinkages: tuple[float, ...] = SHRINKAGES) -> Array:
    """Compute the templates whose inner product with a residual is high for fakes.

    Parameters
    ----------
    values : ndarray
        (n, pixels) of `residuals`.
    fake : ndarray
        (n,) bool, with both classes.
    shrinkages : tuple of float
        k of them.

    Returns
    -------
    ndarray
        (pixels, k) float32: difference of the class means in standard errors, shrunk, over the standard deviation
        within the classes.
    """
    n_fake, n_real = int(fake.sum()), int((~fake).sum())
    means = [values[rows].mean(axis=0, dtype=np.float64) for rows in (fake, ~fake)]
    squares = np.einsum("np,np->p", values, values, dtype=np.float64)
    within = squares - n_fake * means[0] ** 2 - n_real * means[1] ** 2
    spread = np.sqrt(np.maximum(within / max(len(values) - 2, 1), 0)) + 0.5  # rounding alone has 0.3
    standard = (means[0] - means[1]) / (spread * np.sqrt(1 / n_fake + 1 / n_real))
    shrunk = [np.sign(standard) * np.maximum(np.abs(standard) - by, 0) for by in shrinkages]
    templates: Array = (np.stack(shrunk, axis=1) / spread[:, None]).astype(np.float32)
    return templates


def template_scores(
    learnt: Array, fake: Array, scored: Array, folds: list[tuple[Array, Array]]
) -> tuple[Array, str, float]:
    """Learn a template from some crops and correlate others with it.

    Parameters
    ----------
    learnt, scored : ndarray
        (n, size, size, 3) and (m, size, size, 3) uint8 RGB.
    fake : ndarray
        (n,) bool.
    folds : list of tuple of ndarray
        Rows of `learnt` to fit on and rows to score, for the choice of the shrinkage; of different groups.

    Returns
    -------
    scores : ndarray
        (m,) correlation of residual and template, -1 to 1; 0 where nothing of the template is left.
    description : str
        Where the template lies.
    share : float
        Share of the crop's pixels that it consists of.
    """
    values = residuals(learnt)
    # Each residual counts with a length of 1: a sharp picture says no more than a soft one.
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6) / np.sqrt(values.shape[1])
    aucs = np.zeros(len(SHRINKAGES))
    for fit, held_out in folds:
        products = values[held_out] @ fit_template(values[fit], fake[fit])
        aucs += [auc(fake[held_out], column) / len(folds) for column in products.T]
    best = int(np.flatnonzero(aucs >= aucs.max() - _AS_MUCH)[-1])
    template = fit_template(values, fake, (SHRINKAGES[best],))[:, 0]
    scores = np.concatenate(
        [_correlation(residuals(scored[i : i + 256]), template) for i in range(0, len(scored), 256)] or [np.zeros(0)]
    )
    used = template != 0
    return scores, _place(np.abs(template).reshape(learnt.shape[1:3])), float(used.mean())


def _correlation(values: Array, template: Array) -> Array:
    length = np.linalg.norm(values, axis=1) * np.linalg.norm(template)
    products = (values @ template).astype(np.float64)
    return np.divide(products, length, out=np.zeros(len(values)), where=length > 0)


def _place(weight: Array) -> str:
    """Describe where a template's weight is centred and how far it reaches."""
    total = weight.sum()
    if not total > 0:
        return "nothing"
    side = weight.shape[0]
    at = (np.arange(side) + 0.5) / side
    x, y = float(weight.sum(axis=0) @ at / total), float(weight.sum(axis=1) @ at / total)
    spread = float(np.sqrt((weight.sum(axis=0) @ (at - x) ** 2 + weight.sum(axis=1) @ (at - y) ** 2) / total))
    if spread > 0.3:
        return "a pattern over the whole crop"
    return f"a spot {x:.0%} from the left and {y:.0%} from above"
