"""Test that an AUC has not lost more than a margin against another on the same rows.

On the logit scale: near 1 the AUC of few errors is skewed, so that a test of the plain difference lets models that have
lost the whole margin pass two to three times as often as its level says (``make bench-stats``).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logit
from scipy.stats import t as student

from aletheia.core.arrays import Array
from aletheia.stats.clustered_auc import ClusteredAuc


def logit_error(first: ClusteredAuc, second: ClusteredAuc) -> float:
    """Return the standard error of the difference of the logits of two AUCs of the same rows in the same groups.

    By the delta method: each group's influence is divided by the AUC's slope. A perfect ranking shows no variance. NaN
    where a class is one group.
    """
    if min(first.df, second.df) < 1:
        return float("nan")
    influence = _on_logits(first) - _on_logits(second)
    groups = len(influence)
    return float(np.sqrt(groups / (groups - 1) * np.sum(influence**2)))


def loss_p(auc: float, other: float, error: float, df: int, margin: float) -> float:
    """Return the one-sided p of an AUC that is lower than another by `margin` or more.

    The margin is taken at the other's AUC: logit(auc) is compared with logit(other - margin), by Student's t.

    Parameters
    ----------
    auc, other : float
        0 to 1.
    error : float
        Of `logit_error`.
    df : int
        Degrees of freedom.
    margin : float
        Above 0.

    Returns
    -------
    float
        NaN where the error is not defined.
    """
    if math.isnan(error):
        return error
    excess = float(logit(auc) - logit(max(other - margin, 0.0)))
    if not error or math.isinf(excess):
        return 0.0 if excess > 0 else 1.0
    return float(student.sf(excess / error, df))


def _on_logits(auc: ClusteredAuc) -> Array:
    slope = auc.value * (1 - auc.value)
    return auc.influence / slope if slope else np.zeros_like(auc.influence)
