"""The map from a network's logits to probabilities, as ``model.json`` holds it. Needs no torch."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from aletheia.core.arrays import Array

MAX_KNOTS = 200

Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(max_length=10_000)]


def sigmoid(z: Array) -> Array:
    """Compute 1 / (1 + exp(-z)) without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * z)))


class Strict(BaseModel):
    """A part of ``model.json``: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Calibration(Strict):
    """Probability of fake: sigmoid(scale * logit + shift), or straight lines between knots."""

    method: Literal["none", "temperature", "platt", "isotonic"] = "none"
    # Positive, so that the order of the scores, and with it the AUC, stays. A temperature T is scale 1 / T and shift 0.
    scale: float = Field(1.0, gt=0)
    shift: float = 0.0
    knots: tuple[tuple[float, Share], ...] = Field(
        (), max_length=MAX_KNOTS, description="Of isotonic: logit and probability, both rising; flat outside of them."
    )
    thinned: Share = Field(0.0, description="Largest difference of probability that leaving out knots made.")

    @model_validator(mode="after")
    def _check_knots(self) -> Calibration:
        if (self.method == "isotonic") != bool(self.knots):
            raise ValueError("knots belong to the method isotonic, which needs them")
        if self.knots:
            z, p = np.array(self.knots).T
            if len(z) < 2 or np.any(np.diff(z) <= 0) or np.any(np.diff(p) < 0):
                raise ValueError("knots must be at least 2, their logits rising and their probabilities not falling")
        return self

    def probabilities(self, logits: Array) -> Array:
        """Map logits (n,) to probabilities (n,) in [0, 1], float32; NaN stays NaN."""
        z = np.asarray(logits, dtype=np.float64)
        p = np.interp(z, *np.array(self.knots).T) if self.knots else sigmoid(self.scale * z + self.shift)
        return p.astype(np.float32)

    def logit_at(self, probability: float) -> float:
        """Find the smallest logit with at least this probability: -inf when all have it, inf when none has."""
        if not self.knots:
            with np.errstate(divide="ignore"):
                return float((np.log(probability) - np.log1p(-probability) - self.shift) / self.scale)
        z, p = np.array(self.knots).T
        above = int(np.searchsorted(p, probability))
        if above in (0, len(p)):
            return float("inf") if above else float("-inf")
        return float(np.interp(probability, p[above - 1 : above + 1], z[above - 1 : above + 1]))

    def describe(self) -> str:
        """Describe the method and its numbers in a few words."""
        if not self.knots:
            return f"{self.method} (scale {self.scale:.3f}, shift {self.shift:.3f})"
        off = f", at most {self.thinned:.2g} off" if self.thinned else ""
        return f"{self.method} ({len(self.knots)} knots{off})"
