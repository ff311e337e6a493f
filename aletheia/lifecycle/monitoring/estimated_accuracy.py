"""Accuracy of the answers as the model itself sees it: an estimate without labels, and why not to trust it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.models.verdict import FAKE, REAL, TURNS
from aletheia.stats.intervals import wilson

#: Stands wherever the estimate does.
WARNING = (
    "This is no measurement. It takes the model's own probabilities for right. A kind of fake that looks genuine to "
    "the model gets the probabilities of genuine faces, so the estimate stays high, or rises, just when the model "
    "fails. Faces of known truth measure accuracy."
)
_STEPS, _TOLERANCE = 1000, 1e-9  # of the share of fakes
_EDGE = 1e-6  # probabilities are held off 0 and 1, which no share of fakes can change
_Z = 1.959964  # 95 %


def estimate_prevalence(probabilities: Array) -> float:
    """Estimate the share of fakes from probabilities (n,) in [0, 1] that refer to a share of one half.

    By expectation maximisation (Saerens, Latinne and Decaestecker, "Adjusting the Outputs of a Classifier to New a
    Priori Probabilities", Neural Computation 14, 2002); NaN without a probability.
    """
    if not len(probabilities):
        return float("nan")
    share = 0.5
    for _ in range(_STEPS):
        last, share = share, float(adjust(probabilities, share).mean())
        if abs(share - last) < _TOLERANCE:
            break
    return share


def adjust(probabilities: Array, prevalence: float) -> Array:
    """Turn probabilities of fake (n,) that refer to a share of fakes of one half into those for another share."""
    p = np.clip(probabilities, _EDGE, 1 - _EDGE)
    adjusted: Array = prevalence * p / (prevalence * p + (1 - prevalence) * (1 - p))
    return adjusted


def estimate_accuracy(log: pd.DataFrame) -> dict[str, Any] | None:
    """Estimate how many of the verdicts "real" and "fake" are right, from their probabilities alone.

    The share of fakes is estimated first, and the probabilities are adjusted to it; the mean probability of the
    verdicts that were given is the estimate (confidence-based performance estimation). See `WARNING`.

    Parameters
    ----------
    log : DataFrame
        Rows of one version, see `aletheia.lifecycle.prediction_log.reading.read_log`.

    Returns
    -------
    dict or None
        ``value``, ``low`` and ``high`` (of the chance alone that labels fall by these probabilities, 95 %), ``n``
        verdicts, ``prevalence`` (share of fakes, estimated), ``warning``; None without a verdict.
    """
    answers = log[(log["error"] == "") & log["probability"].notna()]
    given = answers["verdict"].isin([REAL, FAKE]).to_numpy()
    if not given.any():
        return None
    p = answers["probability"].to_numpy(float)
    prevalence = estimate_prevalence(p)
    adjusted = adjust(p, prevalence)[given]
    right = np.where(answers["verdict"].to_numpy()[given] == FAKE, adjusted, 1 - adjusted)
    value, spread = float(right.mean()), _Z * float(np.sqrt((right * (1 - right)).sum())) / len(right)
    return {
        "value": value,
        "low": max(value - spread, 0.0),
        "high": min(value + spread, 1.0),
        "n": len(right),
        "prevalence": prevalence,
        "warning": WARNING,
    }


def turning_rate(log: pd.DataFrame) -> dict[str, float | int] | None:
    """Count the answers that turned when the picture was saved again, with the 95 % interval of their share.

    Only faces near the threshold are scored again, and only those without another cause of "cannot tell": it is the
    least share. It needs no labels, and rises when the model decides by traces that compression removes.

    Returns
    -------
    dict or None
        ``value``, ``low``, ``high``, ``n`` (answers with a face); None without one.
    """
    answers = log[(log["error"] == "") & (log["faces"] > 0)]
    if not len(answers):
        return None
    turned = int(answers["cause"].eq(TURNS).sum())
    low, high = wilson(turned, len(answers))
    return {"value": turned / len(answers), "low": low, "high": high, "n": len(answers)}
