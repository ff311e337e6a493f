"""Metrics with intervals, beside what they must be compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.stats.bootstrap import RANKING, GroupedScores, draw_counts, percentile_interval
from aletheia.stats.estimate import Estimate
from aletheia.stats.intervals import clustered_rate, perfect_auc_limits

_PROBABILITY = ("log_loss", "brier")
_DECISION = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "fpr", "fnr")
NAMES = (*RANKING, *_PROBABILITY, *_DECISION)


@dataclass(frozen=True)
class Metrics:
    """What `evaluate_scores` found.

    Attributes
    ----------
    values : dict
        `Estimate` of each of `NAMES`: auc, average_precision, eer, tpr_at_fpr_1 and _5 (true-positive rate at
        1 % and 5 % false positives), log_loss (nats), brier, and at the threshold accuracy,
        balanced_accuracy, precision, recall, f1, fpr, fnr. Fake is the positive class.
    n, n_real, n_fake : int
        Rows that count.
    n_unreadable : int
        Rows without a score; they are in none of the metrics.
    n_groups : int
        Units of the bootstrap.
    majority_share : float
        Accuracy of always answering with the more frequent class.
    threshold : float
        Probability from which a row is called fake.
    confusion : dict
        tn, fp, fn, tp.
    level : float
        Of the intervals.
    """

    values: dict[str, Estimate]
    n: int
    n_real: int
    n_fake: int
    n_unreadable: int
    n_groups: int
    majority_share: float
    threshold: float
    confusion: dict[str, int]
    level: float

    def __getitem__(self, name: str) -> Estimate:
        return self.values[name]

    def flat(self) -> dict[str, float | int]:
        """One level of plain numbers (auc, auc_low, auc_high, …), those that are not defined left out."""
        out: dict[str, float | int] = {}
        for name, estimate in self.values.items():
            for suffix, value in (("", estimate.value), ("_low", estimate.low), ("_high", estimate.high)):
                if np.isfinite(value):
                    out[name + suffix] = float(value)
        for name in ("majority_share", "n", "n_real", "n_fake", "n_unreadable", "n_groups", "threshold"):
            out[name] = getattr(self, name)
        return out | self.confusion

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values for JSON."""
        fields = ("n", "n_real", "n_fake", "n_unreadable", "n_groups", "majority_share", "threshold", "level")
        return {
            "metrics": {name: estimate.to_dict() for name, estimate in self.values.items()},
            "confusion": dict(self.confusion),
            **{name: getattr(self, name) for name in fields},
        }


def evaluate_scores(
    y: Array,
    p: Array,
    threshold: float = 0.5,
    groups: Array | None = None,
    *,
    seed: int = 0,
    replicates: int = 2000,
    level: float = 0.95,
) -> Metrics:
    """Evaluate probabilities.

    Parameters
    ----------
    y : ndarray
        (n,), 1 for fake, 0 for real.
    p : ndarray
        (n,) probabilities of fake in [0, 1]; NaN for a row that could not be scored, which is counted and
        left out.
    threshold : float
        A row is called fake when its probability is at least this.
    groups : ndarray, optional
        (n,) identity or video of each row, the unit of the bootstrap. An empty string or None stands for
        "unknown": such a row is a unit of its own.
    seed : int
        Of the bootstrap.
    replicates : int
        Of the bootstrap; 0 computes no intervals.
    level : float
        Of the percentile intervals.

    Returns
    -------
    Metrics

    Raises
    ------
    InputError
        No row has a score, labels other than 0 and 1, probabilities outside [0, 1], or lengths that differ.
    """
    y, p, groups = _checked(y, p, groups)
    scored = ~np.isnan(p)
    n_unreadable = int((~scored).sum())
    y, p, groups = y[scored], p[scored], None if groups is None else groups[scored]
    if not len(y):
        raise InputError(f"None of the {n_unreadable} rows has a score, so there is nothing to evaluate.")
    data = GroupedScores(y, p, groups)
    sums = data.sums(*_row_terms(y, p, threshold))
    names = NAMES
    ones = np.ones(data.n_groups)
    values = np.concatenate([data.ranking_metrics(ones), _from_sums(sums.sum(axis=0, keepdims=True))[0]])
    low, high = _intervals(data, sums, replicates, level, seed)
    estimates = {name: Estimate(float(v), *bounds) for name, v, *bounds in zip(names, values, low, high, strict=True)}
    if replicates:
        estimates |= _closed_form(estimates, y, p >= threshold, data.group, level)
    called = p >= threshold
    n_fake = int(y.sum())
    confusion = {
        "tn": int((~called & (y == 0)).sum()),
        "fp": int((called & (y == 0)).sum()),
        "fn": int((~called & (y == 1)).sum()),
        "tp": int((called & (y == 1)).sum()),
    }
    return Metrics(
        values=estimates,
        n=len(y),
        n_real=len(y) - n_fake,
        n_fake=n_fake,
        n_unreadable=n_unreadable,
        n_groups=data.n_groups,
        majority_share=max(n_fake, len(y) - n_fake) / len(y),
        threshold=float(threshold),
        confusion=confusion,
        level=level,
    )


def group_ids(groups: Array) -> Array:
    """Number the groups; each row whose group is unknown ('' or None) gets a number of its own."""
    texts = np.array(["" if g is None or g != g else str(g) for g in groups], dtype=object)
    _, ids = np.unique(texts.astype(str), return_inverse=True)
    unknown = texts == ""
    ids[unknown] = ids.max(initial=0) + 1 + np.arange(unknown.sum())
    return ids


def unit_ids(groups: Array | None, n: int) -> Array:
    """Numbers (n,) of the units of the bootstrap: those of the groups, or each row on its own."""
    return np.arange(n) if groups is None else group_ids(np.asarray(groups, dtype=object))


def _row_terms(y: Array, p: Array, threshold: float) -> list[Array]:
    """Return the per-row terms whose sums give every metric that is not about the ranking."""
    # As scikit-learn does: a probability of 0 or 1 that is wrong costs much, but not infinitely much.
    q = np.clip(p, np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
    log_loss = -(y * np.log(q) + (1 - y) * np.log1p(-q))
    called = (p >= threshold).astype(np.float64)
    return [called * y, called * (1 - y), (1 - called) * y, (1 - called) * (1 - y), log_loss, (p - y) ** 2]


def _from_sums(sums: Array) -> Array:
    """Sums of `_row_terms` (r, 6) to metrics (r, 9), in the order of `_PROBABILITY` and `_DECISION`."""
    tp, fp, fn, tn, log_loss, brier = sums.T
    n = tp + fp + fn + tn
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, specificity = tp / (tp + fn), tn / (tn + fp)
        columns = [
            log_loss / n,
            brier / n,
            (tp + tn) / n,
            (recall + specificity) / 2,
            tp / (tp + fp),
            recall,
            2 * tp / (2 * tp + fp + fn),
            1 - specificity,
            1 - recall,
        ]
    return np.stack(columns, axis=1)


def _intervals(
    data: GroupedScores, sums: Array, replicates: int, level: float, seed: int
) -> tuple[list[float], list[float]]:
    if not replicates:
        return [float("nan")] * len(NAMES), [float("nan")] * len(NAMES)
    rng = np.random.default_rng(seed)
    table = np.stack(
        [
            np.concatenate([data.ranking_metrics(counts), _from_sums((counts @ sums)[None])[0]])
            for counts in draw_counts(data.n_groups, replicates, rng)
        ]
    )
    bounds = [percentile_interval(table[:, i], level) for i in range(table.shape[1])]
    return [b[0] for b in bounds], [b[1] for b in bounds]


def _closed_form(
    estimates: dict[str, Estimate], y: Array, called: Array, group: Array, level: float
) -> dict[str, Estimate]:
    """Replace intervals of values of 0 or 1: every replicate repeats them, which is not certainty."""
    wrong = called != (y == 1)
    cases = {
        "accuracy": (np.ones(len(y), dtype=bool), ~wrong),
        "recall": (y == 1, called),
        "precision": (called, y == 1),
        "fpr": (y == 0, called),
        "fnr": (y == 1, ~called),
    }
    out = {}
    for name, (chosen, hit) in cases.items():
        if estimates[name].value in (0.0, 1.0):
            rate = clustered_rate(hit[chosen], group[chosen], level)
            out[name] = Estimate(estimates[name].value, rate.low, rate.high)
    for name in RANKING:
        if (value := estimates[name].value) in (0.0, 1.0):
            out[name] = Estimate(value, *perfect_auc_limits(value, y, group, level))
    return out


def _checked(y: Any, p: Any, groups: Any) -> tuple[Array, Array, Array | None]:
    y, p = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    if y.ndim != 1 or y.shape != p.shape or (groups is not None and len(groups) != len(y)):
        raise InputError("Labels, probabilities and groups must be lists of one length.")
    if not np.isin(y, (0, 1)).all():
        raise InputError("Labels must be 0 (real) or 1 (fake).")
    if np.nanmin(p, initial=0.0) < 0 or np.nanmax(p, initial=1.0) > 1:
        raise InputError("Probabilities must lie between 0 and 1; these look like logits.")
    return y, p, None if groups is None else group_ids(np.asarray(groups, dtype=object))
