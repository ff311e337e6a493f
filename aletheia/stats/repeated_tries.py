"""Several models tried on one test set: the level that each test may have, and how much the best of them flatters."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm


def spent_alpha(alpha: float, number: int) -> float:
    """Return the level of the k-th of any number of tests, alpha / (k (k + 1)), which sum to `alpha`.

    By Bonferroni's inequality the probability that any true null hypothesis is rejected is at most `alpha`, whatever
    the tests depend on, and without a number that is fixed beforehand (alpha spending: Foster and Stine, JRSS B 70,
    2008, section 2; the reuse of a test set: Blum and Hardt, ICML 2015).

    Parameters
    ----------
    alpha : float
        Of all tests together.
    number : int
        k, from 1 on.
    """
    return alpha / (number * (number + 1))


def winners_optimism(standard_error: float, number: int) -> float:
    """Return by how much the best of several equal models exceeds the truth on average, at most.

    The mean of the largest of k independent normal deviations. Models that are tried on the same rows go along with
    each other, so it is less in truth. 0 for a single model.

    Parameters
    ----------
    standard_error : float
        Of the score of one model.
    number : int
        k, from 1 on.
    """
    if number < 2:
        return 0.0
    z = np.linspace(-8, 8, 4001)
    density = number * norm.pdf(z) * norm.cdf(z) ** (number - 1)
    return float(standard_error * np.sum(z * density) * (z[1] - z[0]))
