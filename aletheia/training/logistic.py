"""Logistic regression with a ridge penalty on standardised features, solved to its one minimum."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from aletheia.core.arrays import Array


def fit_logistic(features: Array, targets: Array, weights: Array, ridge: float) -> tuple[Array, float]:
    """Minimise the weighted mean cross-entropy plus half the ridge times the squared length of the coefficients.

    The features are standardised by their weighted mean and standard deviation, so that the penalty means the same for
    each of them; a feature that is constant gets no weight. The intercept is not penalised. The coefficients returned
    belong to the features as they were given. With n rows whose weights sum to n it is the minimum that
    scikit-learn's ``LogisticRegression(C=1 / (n * ridge))`` looks for on standardised features.

    Parameters
    ----------
    features : ndarray
        (n, d).
    targets : ndarray
        (n,) in [0, 1], 1 for fake.
    weights : ndarray
        (n,) of the rows, not negative; only their proportions count.
    ridge : float
        Strength of the penalty; above 0, or separable rows have no minimum.

    Returns
    -------
    coefficients : ndarray
        (d,) float64.
    intercept : float
    """
    x, y = np.asarray(features, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    share = np.asarray(weights, dtype=np.float64) / np.sum(weights)
    mean = share @ x
    deviation = np.sqrt(share @ (x - mean) ** 2)
    scale = np.where(deviation > 1e-7 * np.abs(mean), deviation, np.inf)
    x = (x - mean) / scale

    def loss(parameters: Array) -> tuple[float, Array]:
        slope, intercept = parameters[:-1], parameters[-1]
        z = x @ slope + intercept
        value = share @ (np.logaddexp(0, z) - y * z) + 0.5 * ridge * slope @ slope
        residual = share * (expit(z) - y)
        return float(value), np.append(x.T @ residual + ridge * slope, residual.sum())

    options = {"maxiter": 5000, "maxfun": 10_000, "ftol": 1e-14, "gtol": 1e-8}
    fitted = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options=options).x
    coefficients: Array = fitted[:-1] / scale
    return coefficients, float(fitted[-1] - coefficients @ mean)
