"""The difference of two figures on the same rows: its interval, and a one-sided test, by Student's t."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from aletheia.stats.estimate import Estimate


@dataclass(frozen=True)
class PairedDifference:
    """One model's figure minus another's on the same rows, with what an interval and a test need.

    Attributes
    ----------
    value, standard_error : float
        NaN where they are not defined.
    df : int
        Degrees of freedom of Student's t.
    """

    value: float
    standard_error: float
    df: int

    def estimate(self, level: float = 0.95) -> Estimate:
        """Return the difference with its interval; without one where the standard error is not defined."""
        if not np.isfinite(self.standard_error):
            return Estimate(self.value)
        half = two_sided_quantile(level, self.df) * self.standard_error
        return Estimate(self.value, max(self.value - half, -1.0), min(self.value + half, 1.0))

    def p_value(self, margin: float = 0.0) -> float:
        """Return the one-sided p of a true difference of at most `margin`; NaN where it is not defined."""
        if not np.isfinite(self.standard_error):
            return float("nan")
        excess = self.value - margin
        if self.standard_error == 0:
            return 0.0 if excess > 0 else 1.0
        return float(student.sf(excess / self.standard_error, self.df))


def two_sided_quantile(level: float, df: int) -> float:
    """Return the quantile of Student's t within which a share `level` lies on both sides of 0."""
    return float(student.ppf((1 + level) / 2, df))
