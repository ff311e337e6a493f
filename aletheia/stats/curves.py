"""Ranking curves from labels and scores, exact under ties, with optional weights.

A curve is computed once from the sorted scores; AUC, average precision, EER and the true-positive rate at a
given false-positive rate are read off it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aletheia.core.arrays import Array


@dataclass(frozen=True)
class Curve:
    """Counts above each distinct score, from the highest score down.

    Attributes
    ----------
    thresholds : ndarray
        (k,) distinct scores, descending: "fake" means a score of at least this.
    tp, fp : ndarray
        (k,) fake and real rows at or above each threshold.
    """

    thresholds: Array
    tp: Array
    fp: Array

    @property
    def tpr(self) -> Array:
        """True-positive rates (k + 1,), from 0."""
        return np.concatenate([[0.0], self.tp / self.tp[-1]])

    @property
    def fpr(self) -> Array:
        """False-positive rates (k + 1,), from 0."""
        return np.concatenate([[0.0], self.fp / self.fp[-1]])


def curve(y: Array, scores: Array) -> Curve:
    """Count fake and real rows above each score.

    Parameters
    ----------
    y : ndarray
        (n,), 1 for fake, 0 for real; both must occur for the rates to mean anything.
    scores : ndarray
        (n,), higher means more likely fake.
    """
    y, scores = np.asarray(y), np.asarray(scores)
    order = np.argsort(-scores, kind="stable")
    y, scores = y[order].astype(np.float64), scores[order]
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    return Curve(scores[ends], np.cumsum(y)[ends], np.cumsum(1 - y)[ends])


def auc(y: Array, scores: Array) -> float:
    """Compute the area under the ROC curve, ties counting half (Hanley and McNeil, 1982); NaN with one class."""
    y = np.asarray(y)
    if not len(y) or y.min() == y.max():
        return float("nan")
    c = curve(y, scores)
    # In whole (and half) counts, so that a perfect ranking has exactly 1.
    new_tp, new_fp = np.diff(c.tp, prepend=0.0), np.diff(c.fp, prepend=0.0)
    return float(np.dot(new_fp, c.tp - 0.5 * new_tp) / (c.tp[-1] * c.fp[-1]))
