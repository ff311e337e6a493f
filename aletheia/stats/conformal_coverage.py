"""Whether test faces are covered as often as conformal limits promise, whose own validation faces were few.

The coverage that is promised is an average over validation sets. Given one set of n exchangeable rows, of which
l - 1 lie beyond the limit, it is distributed as Beta(n + 1 - l, l) (Vovk, "Conditional Validity of Inductive
Conformal Predictors", ACML 2012), and the number of test rows that are covered is beta-binomial (Angelopoulos and
Bates, "A Gentle Introduction to Conformal Prediction", 2021). Rows that come in groups count as the effective number of
rows by their design effect, on either side.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import betainc
from scipy.stats import beta

from aletheia.core.arrays import Array
from aletheia.stats.clustered_auc import MIN_GROUPS
from aletheia.stats.intervals import design_effect

#: A promise is broken where the p-value lies below this, half of 5 % since there are two classes.
LEVEL = 0.025
#: A promise that is not refuted counts as kept where the share that was found lies no farther below it.
NEAR = 0.05
#: Points at which the distribution of the coverage is taken, at the middle of as many equally probable parts.
_POINTS = (np.arange(512) + 0.5) / 512


class Held(NamedTuple):
    """Effective numbers of validation rows within a conformal limit and beyond it."""

    within: float
    beyond: float

    def coverage(self, p: Array) -> Array:
        """Return quantiles (of p, 0 to 1) of the share of new rows that lie within the limit."""
        quantiles: Array = beta.ppf(p, self.within, self.beyond + 1)
        return quantiles


def conformal_rank(n: int, alpha: float) -> int:
    """Return which of n sorted scores, from 1, a new one exceeds with probability alpha at most; n + 1: none."""
    return math.ceil((n + 1) * (1 - alpha) - 1e-9)  # 1 - alpha is not exact


def held_rows(scores: Array, groups: Array, alpha: float) -> Held | None:
    """Count the validation rows that a limit was set on, as independent ones.

    Parameters
    ----------
    scores : ndarray
        (n,) of the validation rows of one class, the higher the less plausible.
    groups : ndarray
        (n,) the unit that was sampled: numbers or names.
    alpha : float
        Share of new rows that may lie beyond the limit, 0 to 1.

    Returns
    -------
    Held or None
        None for so few rows that there is no limit.
    """
    n, rank = len(scores), conformal_rank(len(scores), alpha)
    if rank > n:
        return None
    # By ranks: of rows with equal scores some would lie within the limit that count as beyond, which errs on the side
    # of the model.
    beyond = np.zeros(n, dtype=bool)
    beyond[np.argsort(scores, kind="stable")[rank:]] = True
    effective = 1 / design_effect(~beyond, groups)
    return Held(rank * effective, (n - rank) * effective)


def promise_p_value(hits: Array, groups: Array, promised: float, held: Held | None = None) -> float:
    """Compute how probable it is that so few rows or fewer are covered although the promise is kept.

    Parameters
    ----------
    hits : ndarray
        (m,) bool, the test row lies within the limit.
    groups : ndarray
        (m,) the unit that was sampled.
    promised : float
        Share that is promised, 0 to 1; used where `held` is unknown.
    held : Held, optional
        Of `held_rows`.

    Returns
    -------
    float
        One-sided; NaN without rows.
    """
    if not len(hits):
        return float("nan")
    m = len(hits) / design_effect(hits, groups)
    covered = float(np.mean(hits)) * m
    if covered >= m:
        return 1.0
    coverage = np.array([promised]) if held is None else held.coverage(_POINTS)
    return float(betainc(m - covered, covered + 1, 1 - coverage).mean())


def judge_promise(
    covered: float, promised: float, p_value: float, *, limits_from: float = math.nan, groups: float = math.nan
) -> tuple[bool | None, str]:
    """Decide whether a promised coverage is kept, broken, or cannot be judged: not refuted is not yet kept.

    Parameters
    ----------
    covered, promised : float
        Shares, 0 to 1; `covered` of the test rows.
    p_value : float
        Of `promise_p_value`; NaN where unknown, which refutes nothing.
    limits_from : float
        Validation rows that the limit was set on, as independent ones; NaN where unknown.
    groups : float
        Independent groups of test rows; NaN where unknown.

    Returns
    -------
    kept : bool or None
        False where the p-value lies below `LEVEL`. Else None where limit or test rows are of fewer than
        `aletheia.stats.clustered_auc.MIN_GROUPS`, or the share found lies more than `NEAR` below the promise. Else
        True.
    reason : str
        Why it cannot be judged, as a clause; else empty.
    """
    if p_value < LEVEL:
        return False, ""
    if not math.isfinite(covered):
        return None, "there are none"
    if limits_from < MIN_GROUPS:
        return None, (
            f"the limit comes from the equivalent of {limits_from:.0f} independent validation faces, by which nearly "
            "any share would pass"
        )
    if groups < MIN_GROUPS:
        return None, f"they are of {groups:.0f} independent groups, and a verdict needs {MIN_GROUPS}"
    if covered < promised - NEAR - 1e-9:
        chance = "" if math.isnan(p_value) else f" (p {p_value:.3f})"
        return None, f"so few are not as promised, but limit and faces are too few to exclude chance{chance}"
    return True, ""
