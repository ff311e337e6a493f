"""Classification metrics with intervals, and the majority share to compare accuracies with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.stats.bootstrap import RANKING, GroupedScores, percentile_interval
from aletheia.stats.clustered_auc import clustered_auc, clustered_balanced_accuracy
from aletheia.stats.estimate import Estimate
from aletheia.stats.intervals import clustered_rate, perfect_auc_limits
from aletheia.stats.scored_set import ScoredSet

_PROBABILITY = ("log_loss", "brier")
_DECISION = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "fpr", "fnr")
NAMES = (*RANKING, *_PROBABILITY, *_DECISION)


@dataclass(frozen=True)
class Metrics:
    """Metrics of a set of scored rows, as `evaluate_scores` computes them.

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
    groups_real, groups_fake : int
        Units with a real, and with a fake row.
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
    groups_real: int = 0
    groups_fake: int = 0

    def __getitem__(self, name: str) -> Estimate:
        return self.values[name]

    def flat(self) -> dict[str, float | int]:
        """Return plain numbers on one level (auc, auc_low, auc_high, …), without those that are not defined."""
        out: dict[str, float | int] = {}
        for name, estimate in self.values.items():
            out |= {key: float(value) for key, value in estimate.to_columns(name).items() if np.isfinite(value)}
        for name in (
            "majority_share",
            "n",
            "n_real",
            "n_fake",
            "n_unreadable",
            "n_groups",
            "groups_real",
            "groups_fake",
            "threshold",
        ):
            out[name] = getattr(self, name)
        return out | self.confusion

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain values for JSON."""
        counts = ("n", "n_real", "n_fake", "n_unreadable", "n_groups", "groups_real", "groups_fake")
        return {
            "metrics": {name: estimate.to_dict() for name, estimate in self.values.items()},
            "confusion": dict(self.confusion),
            **{name: getattr(self, name) for name in (*counts, "majority_share", "threshold", "level")},
        }


def evaluate_scores(scored: ScoredSet, *, replicates: int = 2000, level: float = 0.95) -> Metrics:
    """Evaluate probabilities, with intervals over groups.

    The intervals of AUC and balanced accuracy are those of `aletheia.stats.clustered_auc`; of accuracy, precision,
    recall, fpr and fnr those of `aletheia.stats.intervals.clustered_rate`; all others come from the bootstrap.

    Parameters
    ----------
    scored : ScoredSet
        Rows without a probability are counted and left out.
    replicates : int
        Of the bootstrap; 0 computes no intervals.
    level : float
        Of the intervals.

    Raises
    ------
    InputError
        When no row has a probability.
    """
    n_rows, scored = len(scored), scored.dropna()
    if not len(scored):
        raise InputError(f"None of the {n_rows} rows has a score, so there is nothing to evaluate.")
    data = scored.grouped()
    sums = data.sums(*_row_terms(scored))
    ones = np.ones(data.n_groups)
    values = np.concatenate([data.ranking_metrics(ones), _from_sums(sums.sum(axis=0, keepdims=True))[0]])
    bounds = _intervals(data, sums, scored.draw_counts(replicates), level)
    estimates = {
        name: Estimate(float(value), low, high) for name, value, (low, high) in zip(NAMES, values, bounds, strict=True)
    }
    if replicates:
        estimates |= _closed_form(estimates, scored, level)
    fake, called = scored.fake, scored.called
    n_fake = int(fake.sum())
    return Metrics(
        values=estimates,
        n=len(scored),
        n_real=len(scored) - n_fake,
        n_fake=n_fake,
        n_unreadable=n_rows - len(scored),
        n_groups=data.n_groups,
        majority_share=max(n_fake, len(scored) - n_fake) / len(scored),
        threshold=scored.threshold,
        confusion={
            "tn": int((~called & ~fake).sum()),
            "fp": int((called & ~fake).sum()),
            "fn": int((~called & fake).sum()),
            "tp": int((called & fake).sum()),
        },
        level=level,
        groups_real=len(np.unique(scored.ids[~fake])),
        groups_fake=len(np.unique(scored.ids[fake])),
    )


def _row_terms(scored: ScoredSet) -> list[Array]:
    """Return the per-row terms whose sums give every metric that is not about the ranking."""
    y, p = scored.y, scored.p
    # As scikit-learn does: a probability of 0 or 1 that is wrong costs much, but not infinitely much.
    q = np.clip(p, np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
    log_loss = -(y * np.log(q) + (1 - y) * np.log1p(-q))
    called = scored.called.astype(np.float64)
    return [called * y, called * (1 - y), (1 - called) * y, (1 - called) * (1 - y), log_loss, (p - y) ** 2]


def _from_sums(sums: Array) -> Array:
    """Convert sums of `_row_terms` (r, 6) to metrics (r, 9), in the order of `_PROBABILITY` and `_DECISION`."""
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


def _intervals(data: GroupedScores, sums: Array, draws: Iterator[Array], level: float) -> list[tuple[float, float]]:
    rows = [np.concatenate([data.ranking_metrics(counts), _from_sums((counts @ sums)[None])[0]]) for counts in draws]
    table = np.reshape(rows, (-1, len(NAMES)))
    return [percentile_interval(column, level) for column in table.T]


def _closed_form(estimates: dict[str, Estimate], scored: ScoredSet, level: float) -> dict[str, Estimate]:
    """Replace intervals that a closed form covers better than the bootstrap: of AUC, balanced accuracy and shares.

    Rates of the ranking that are 0 or 1 have limits of their own: constant replicates are not certainty.
    """
    fake, called = scored.fake, scored.called
    cases = {
        "accuracy": (np.ones(len(scored), dtype=bool), ~scored.wrong),
        "recall": (fake, called),
        "precision": (called, fake),
        "fpr": (~fake, called),
        "fnr": (fake, ~called),
    }
    out = {"auc": clustered_auc(scored.y, scored.p, scored.ids, level=level).estimate(level)}
    out["balanced_accuracy"] = clustered_balanced_accuracy(scored.y, called, scored.ids, level)
    for name, (chosen, hit) in cases.items():
        if estimates[name].is_defined:
            rate = clustered_rate(hit[chosen], scored.ids[chosen], level)
            out[name] = Estimate(estimates[name].value, rate.low, rate.high)
    for name in RANKING[1:]:
        if (value := estimates[name].value) in (0.0, 1.0):
            out[name] = Estimate(value, *perfect_auc_limits(value, scored.y, scored.ids, level))
    return out
