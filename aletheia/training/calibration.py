"""Calibration and decision threshold, fitted on validation data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.models.calibration_map import MAX_KNOTS, Calibration
from aletheia.stats.curves import curve

Method = Literal["none", "temperature", "platt", "isotonic"]


def fit_calibration(y: Array, logits: Array, method: Method = "platt", *, balanced: bool = False) -> Calibration:
    """Fit scale and shift by maximum likelihood, or an isotonic function by least squares.

    Parameters
    ----------
    y : ndarray
        (n,), 1 for fake.
    logits : ndarray
        (n,) of the network, on rows it was not trained on.
    method : {'none', 'temperature', 'platt', 'isotonic'}
        Temperature: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017. Platt, "Probabilistic
        Outputs for Support Vector Machines", 1999, with his smoothed targets, which keep the scale finite on
        separable data. Isotonic regression (Zadrozny and Elkan, "Transforming Classifier Scores into Accurate
        Multiclass Probability Estimates", KDD 2002) assumes no shape, but needs more data: below about a
        thousand rows Platt is the better choice (Niculescu-Mizil and Caruana, "Predicting Good Probabilities with
        Supervised Learning", ICML 2005). It makes ties, and with them changes the AUC a little. It, too, is fitted to
        Platt's targets, which shrinks its probabilities to between 1 / (n_real + 2) and (n_fake + 1) / (n_fake + 2):
        a block of fakes only does not make the next such face a certain fake.
    balanced : bool
        Let both classes weigh the same: the probability then refers to a prior of one half, not to the share
        of fakes in the validation data, which says nothing about the photographs of later users.

    Raises
    ------
    InputError
        One class only, logits that are not finite or (isotonic) all the same, or an unknown method.
    """
    y, logits = _check_scores(y, logits)
    if method == "none":
        return Calibration()
    if method not in ("temperature", "platt", "isotonic"):
        raise InputError(f"calibration: {method!r} is not known; choose 'none', 'temperature', 'platt' or 'isotonic'.")
    n_fake, n_real = int(y.sum()), int(len(y) - y.sum())
    # Targets just short of 0 and 1 (Platt, section 2.2).
    target = np.where(y == 1, (n_fake + 1) / (n_fake + 2), 1 / (n_real + 2))
    weight = np.where(y == 1, 0.5 / n_fake, 0.5 / n_real) if balanced else np.full(len(y), 1 / len(y))
    return (
        _fit_isotonic(logits, target, weight) if method == "isotonic" else _fit_sigmoid(logits, target, weight, method)
    )


def _fit_sigmoid(logits: Array, target: Array, weight: Array, method: Literal["temperature", "platt"]) -> Calibration:
    def loss(parameters: Array) -> tuple[float, Array]:
        log_scale, shift = parameters[0], parameters[1] if method == "platt" else 0.0
        scale = np.exp(log_scale)
        z = scale * logits + shift
        value = np.sum(weight * (np.logaddexp(0, z) - target * z))
        slope = weight * (expit(z) - target)
        gradient = [np.sum(slope * logits) * scale, np.sum(slope)]
        return float(value), np.array(gradient[: len(parameters)])

    start = np.zeros(2 if method == "platt" else 1)
    bounds = [(-7.0, 7.0), (-50.0, 50.0)][: len(start)]
    fitted = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-10})
    shift = float(fitted.x[1]) if method == "platt" else 0.0
    return Calibration(method=method, scale=float(np.exp(fitted.x[0])), shift=shift)


def _fit_isotonic(logits: Array, target: Array, weight: Array) -> Calibration:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression().fit(logits, target, sample_weight=weight)
    z, p = fitted.X_thresholds_, fitted.y_thresholds_
    if len(z) < 2:
        raise InputError("calibration: isotonic needs logits that differ, and all are the same; choose 'platt'.")
    kept, error = thin_knots(z, p, MAX_KNOTS)
    knots = tuple(zip(z[kept].tolist(), p[kept].tolist(), strict=True))
    return Calibration(method="isotonic", knots=knots, thinned=error)


def thin_knots(z: Array, p: Array, limit: int) -> tuple[Array, float]:
    """Select at most `limit` of the knots, and return their indices and the largest error of the lines between them.

    From the two ends on, the knot with the largest error is added (Ramer, 1972; Douglas and Peucker, 1973).
    """
    if len(z) <= limit:
        return np.arange(len(z)), 0.0
    kept = np.array([0, len(z) - 1])
    while True:
        error = np.abs(np.interp(z, z[kept], p[kept]) - p)
        if len(kept) == limit:
            return kept, float(error.max())
        kept = np.sort(np.append(kept, error.argmax()))


@dataclass(frozen=True)
class Threshold:
    """The probability from which the verdict is "fake".

    Attributes
    ----------
    value : float
        In [0, 1].
    how : str
        The criterion, in words.
    tpr, fpr : float
        Shares of the fakes and of the real faces called fake on the data that it was chosen on.
    """

    value: float
    how: str
    tpr: float
    fpr: float


def choose_threshold(y: Array, p: Array, *, max_fpr: float | None = None) -> Threshold:
    """Choose the decision threshold on validation data.

    Parameters
    ----------
    y : ndarray
        (n,), 1 for fake.
    p : ndarray
        (n,) probabilities of fake in [0, 1].
    max_fpr : float, optional
        The lowest threshold whose false-positive rate stays at or below this. By default the threshold with
        the highest balanced accuracy, which is Youden's J (Youden, "Index for rating diagnostic tests",
        1950).

    Returns
    -------
    Threshold
        Halfway between the two neighbouring scores; of equally good ones the one whose gap is widest.
    """
    y, p = _check_scores(y, p)
    c = curve(y, p)
    tpr, fpr = c.tpr, c.fpr
    if max_fpr is None:
        quality, how = tpr - fpr, "highest balanced accuracy on validation data"
    elif 0 <= max_fpr <= 1:
        quality = np.where(fpr <= max_fpr, tpr, -fpr)
        how = f"false-positive rate of at most {max_fpr:g} on validation data"
    else:
        raise InputError(f"max_fpr: {max_fpr} is no rate; choose a value from 0 to 1.")
    # Cut i calls the i highest distinct scores fake; it lies between the last of them and the next.
    upper = np.concatenate([[1.0], c.thresholds])
    lower = np.concatenate([c.thresholds, [min(0.0, c.thresholds[-1])]])
    # No probability lies above a score of 1: calling no row fake is then impossible.
    quality[0] = quality[0] if upper[0] > lower[0] else -np.inf
    best = np.flatnonzero(quality >= quality.max() - 1e-12)
    cut = best[np.argmax((upper - lower)[best])]
    middle = (upper[cut] + lower[cut]) / 2
    value = middle if middle > lower[cut] or cut == len(upper) - 1 else upper[cut]
    return Threshold(float(value), how, float(tpr[cut]), float(fpr[cut]))


def _check_scores(y: Array, scores: Array) -> tuple[Array, Array]:
    y, scores = np.asarray(y).astype(np.float64), np.asarray(scores).astype(np.float64)
    if y.shape != scores.shape or y.ndim != 1:
        raise InputError(f"Labels {y.shape} and scores {scores.shape} must be two lists of one length.")
    if not len(y) or y.min() == y.max():
        raise InputError("Calibration and thresholds need real and fake validation rows; there is one class only.")
    if not np.isfinite(scores).all():
        raise InputError(f"{int((~np.isfinite(scores)).sum())} scores are not finite; leave those rows out.")
    return y, scores
