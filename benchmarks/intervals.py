"""Simulated coverage of the intervals, beside that of a percentile bootstrap, and power of the gate's paired test.

People have pictures of both classes whose scores share a part (correlation within a person: .3), as in the demo's data.
Printed are shares of simulated evaluations: in how many the interval holds the truth, and in how many the whole
interval lies above it, which is the error that the gate would make. Nothing depends on the speed of the machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.special import expit
from scipy.stats import norm

from aletheia.core.arrays import Array
from aletheia.models.typical_faces import conformal_distance
from aletheia.release.checks.quality import Calibrated
from aletheia.stats.bootstrap import GroupedScores, draw_counts, percentile_interval
from aletheia.stats.calibration_error import expected_calibration_error
from aletheia.stats.clustered_auc import MIN_GROUPS, auc_difference, clustered_auc, clustered_balanced_accuracy
from aletheia.stats.intervals import clustered_rate
from aletheia.stats.scored_set import ScoredSet

WITHIN = 0.3
MARGIN = 0.05
#: People, pictures of each, true AUC.
AUCS = [
    (6, 24, 0.95),
    (8, 24, 0.95),
    (10, 24, 0.95),
    (10, 40, 0.95),
    (10, 40, 0.986),
    (24, 20, 0.9),
    (24, 20, 0.986),
    (60, 10, 0.95),
    (200, 6, 0.95),
]
#: People, pictures of each, AUC of the scores that a threshold in the middle calls.
BALANCED = [(6, 24, 0.9), (8, 24, 0.8), (8, 24, 0.95), (11, 20, 0.95), (24, 10, 0.95), (60, 10, 0.95), (200, 6, 0.95)]
#: People, pictures of each, parameters of the beta distribution of their shares.
RATES = [(10, 20, 0.5, 4.5), (24, 10, 0.5, 4.5), (24, 10, 2, 6), (60, 10, 0.5, 4.5), (200, 10, 2, 6)]
#: People, AUC of the network, AUC of the baseline.
PAIRS = [(24, 0.82, 0.77), (24, 0.88, 0.82), (24, 0.95, 0.82), (24, 0.98, 0.70), (96, 0.88, 0.82), (96, 0.95, 0.82)]
#: Least share of intervals that hold the truth, most of wholly wrong ones, and of worthless networks that pass.
LIMITS = (0.90, 0.08, 0.07)


def people(count: int, pictures: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Draw labels, the part of the scores that has nothing to do with them, and the person of each picture."""
    y = np.tile(np.arange(pictures) % 2, count)
    own = np.repeat(rng.normal(0, np.sqrt(WITHIN), count), pictures)
    return y, own + rng.normal(0, np.sqrt(1 - WITHIN), len(y)), np.repeat(np.arange(count), pictures)


def shift(auc: float) -> float:
    """Distance of the means of two normal distributions with variance 1 that gives this AUC."""
    return float(np.sqrt(2) * norm.ppf(auc))


def bootstrap_auc(y: Array, scores: Array, groups: Array, rng: np.random.Generator) -> tuple[float, float]:
    """Percentile interval over groups, for comparison."""
    data = GroupedScores(y, scores, groups)
    return percentile_interval(np.array([data.auc(counts) for counts in draw_counts(data.n_groups, 300, rng)]), 0.95)


def auc_coverage(trials: int) -> tuple[Table, float, float]:
    """Simulate intervals of the AUC; the least coverage and the most wholly wrong intervals from 24 people on."""
    table = Table(
        "people", "pictures", "AUC", "holds the truth", "above the truth", "bootstrap holds", "bootstrap above"
    )
    held, above = [], []
    for count, pictures, auc in AUCS:
        rng, rows = np.random.default_rng(count), []
        for _ in range(trials):
            y, noise, groups = people(count, pictures, rng)
            scores = noise + shift(auc) * y
            estimate = clustered_auc(y, scores, groups).estimate()
            low, high = bootstrap_auc(y, scores, groups, rng)
            rows.append((estimate.low <= auc <= estimate.high, estimate.low > auc, low <= auc <= high, low > auc))
        shares = np.mean(rows, axis=0)
        table.add_row(str(count), str(count * pictures), f"{auc:.3f}", *(f"{share:.1%}" for share in shares))
        if count >= 24:
            held.append(shares[0])
            above.append(shares[1])
    return table, min(held), max(above)


def bootstrap_balanced(y: Array, called: Array, groups: Array, rng: np.random.Generator) -> tuple[float, float]:
    """Percentile interval of the balanced accuracy over groups, for comparison."""
    terms = np.stack([called * y, y, (1 - called) * (1 - y), 1 - y])
    sums = np.stack([np.bincount(groups, weights=term) for term in terms], axis=1)
    drawn = np.array([counts @ sums for counts in draw_counts(len(sums), 300, rng)])
    return percentile_interval((drawn[:, 0] / drawn[:, 1] + drawn[:, 2] / drawn[:, 3]) / 2, 0.95)


def balanced_coverage(trials: int) -> tuple[Table, float, float]:
    """Simulate intervals of the balanced accuracy; the least coverage, the most wholly above it, from 8 people on."""
    table = Table(
        "people", "pictures", "truth", "holds the truth", "above the truth", "bootstrap holds", "bootstrap above"
    )
    held, above = [], []
    for count, pictures, auc in BALANCED:
        rng, rows, truth = np.random.default_rng(count), [], float(norm.cdf(shift(auc) / 2))
        for _ in range(trials):
            y, noise, groups = people(count, pictures, rng)
            called = noise + shift(auc) * y >= shift(auc) / 2
            estimate = clustered_balanced_accuracy(y, called, groups)
            low, high = bootstrap_balanced(y, called, groups, rng)
            rows.append(
                (estimate.low <= truth <= estimate.high, estimate.low > truth, low <= truth <= high, low > truth)
            )
        shares = np.mean(rows, axis=0)
        table.add_row(str(count), str(count * pictures), f"{truth:.3f}", *(f"{share:.1%}" for share in shares))
        if count >= MIN_GROUPS:
            held.append(shares[0])
            above.append(shares[1])
    return table, min(held), max(above)


def rate_coverage(trials: int) -> tuple[Table, float, float]:
    """Simulate intervals of a share, such as the false-positive rate."""
    table = Table("people", "pictures", "share", "holds the truth", "below the truth")
    held, below = [], []
    for count, pictures, a, b in RATES:
        rng, truth, rows = np.random.default_rng(count), a / (a + b), []
        for _ in range(trials):
            hits = (rng.random((count, pictures)) < rng.beta(a, b, count)[:, None]).ravel()
            rate = clustered_rate(hits, np.repeat(np.arange(count), pictures))
            rows.append((rate.low <= truth <= rate.high, rate.high < truth))
        shares = np.mean(rows, axis=0)
        table.add_row(str(count), str(count * pictures), f"{truth:.2f}", *(f"{share:.1%}" for share in shares))
        held.append(shares[0])
        below.append(shares[1])
    return table, min(held), max(below)


def paired_power(trials: int) -> tuple[Table, float]:
    """Simulate the check against a baseline beside the rule "interval above interval"; the most undeserved passes."""
    table = Table("people", "network", "baseline", f"better by more than {MARGIN:g}", "interval above interval")
    undeserved = [0.0]
    for count, network, baseline in PAIRS:
        rng, rows = np.random.default_rng(count), []
        for _ in range(trials):
            y, noise, groups = people(count, 20, rng)
            other = people(count, 20, rng)[1]
            first = clustered_auc(y, noise + shift(network) * y, groups)
            second = clustered_auc(y, other + shift(baseline) * y, groups)
            passed = auc_difference(first, second).p_value(MARGIN) < 0.05
            rows.append((passed, first.estimate().low > second.estimate().high))
        shares = np.mean(rows, axis=0)
        table.add_row(str(count), f"{network:.2f}", f"{baseline:.2f}", *(f"{share:.0%}" for share in shares))
        if network - baseline <= MARGIN + 1e-9:
            undeserved.append(shares[0])
    return table, max(undeserved)


def calibration_power(trials: int) -> tuple[Table, float, float]:
    """Simulate the check of the calibration: the least share of perfect models that pass, the most of wrong ones."""
    limit = Calibrated.limit.default
    table = Table("people", "pictures", "true error", "passes")
    perfect, wrong = [], []
    for count, slope in ((8, 1.0), (8, 3.0), (24, 1.0), (24, 0.35), (96, 1.0), (96, 3.0)):
        rng, rows = np.random.default_rng(count), []
        for seed in range(max(trials // 10, 20)):
            groups = np.repeat(np.arange(count), 10)
            logits = rng.normal(0, 2.2, len(groups)) + rng.normal(0, 0.7, count)[groups]
            y = (rng.random(len(groups)) < expit(logits)).astype(int)
            error = expected_calibration_error(ScoredSet(y, expit(slope * logits), 0.5, groups, seed), replicates=200)
            passed = error.high - error.expected <= limit
            rows.append((np.abs(expit(logits) - expit(slope * logits)).mean(), passed))
        truth, share = np.mean(rows, axis=0)
        table.add_row(str(count), str(count * 10), f"{truth:.3f}", f"{share:.0%}")
        if slope != 1:
            wrong.append(share)
        elif count >= 24:  # fewer pictures cannot rule a large error out
            perfect.append(share)
    return table, min(perfect), max(wrong)


def typical_level(trials: int) -> tuple[Table, float]:
    """Simulate the limit for pictures of another kind: faces of new people beyond it, by rows and by people."""
    table = Table("people", "pictures of each", "refused, rows counted", "refused, people counted", "promised")
    level, worst = 0.02, 0.0
    for people_, least, most in ((6, 10, 10), (11, 20, 20), (24, 5, 40), (24, 5, 200), (60, 5, 40), (200, 5, 5)):
        rng, found, promised = np.random.default_rng(people_), [], 0.0
        for _ in range(trials):
            groups = np.repeat(np.arange(people_), rng.integers(least, most + 1, people_))
            distances = rng.normal(0, 0.8, people_)[groups] + rng.normal(0, 0.6, len(groups))
            by_rows = conformal_distance(distances, np.arange(len(groups)), level)[0]
            limit, promised = conformal_distance(distances, groups, level)
            # A face of a new person is normal with variance 1.
            found.append((norm.sf(by_rows), norm.sf(limit)))
        rows, by_people = np.mean(found, axis=0)
        pictures = f"{least}" if least == most else f"{least} to {most}"
        table.add_row(str(people_), pictures, f"{rows:.1%}", f"{by_people:.1%}", f"at most {promised:.1%}")
        worst = max(worst, by_people - promised)
    return table, worst


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="simulated evaluations a line")
    options = parser.parse_args()
    console = Console(width=120)
    sections: list[tuple[str, Callable[[], tuple]]] = [
        ("AUC: clustered placements on the logit scale", lambda: auc_coverage(options.trials)),
        ("Balanced accuracy: the same on the answers", lambda: balanced_coverage(options.trials)),
        ("Shares: Wilson's interval with the effective number of rows", lambda: rate_coverage(options.trials)),
        ("A network against a baseline on the same rows", lambda: paired_power(options.trials)),
        ("The check of the calibration", lambda: calibration_power(options.trials)),
        ("The limit for pictures of another kind", lambda: typical_level(options.trials)),
    ]
    results = []
    for title, simulate in sections:
        table, *shares = simulate()
        table.title = title
        console.print(table)
        results.append(shares)
    (
        (auc_held, auc_above),
        (balanced_held, balanced_above),
        (rate_held, rate_below),
        (undeserved,),
        (perfect, wrong),
        (beyond,),
    ) = results
    least, most, passes = LIMITS
    good = min(auc_held, balanced_held, rate_held) >= least and undeserved <= passes
    good = good and max(auc_above, balanced_above, rate_below) <= most
    good = good and perfect >= 0.9 and wrong <= 0.1 and beyond <= 0
    print(
        f"Limits: intervals of 24 people (of balanced accuracy {MIN_GROUPS}) or more hold in at least {least:.0%}, are "
    )
    print(
        f"wholly wrong on one side in at most {most:.0%}, a network without the margin passes in at most {passes:.0%}, "
    )
    print(
        "one that is calibrated in at least 90%, one with an error above .12 in at most 10%: "
        f"{'kept' if good else 'MISSED'}."
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
