"""How often the gate releases worthless and shortcut-only models, and refuses honest ones, by simulated evaluations.

Each is a whole evaluation at the level of scores: people in pairs (as in the demo's test part) with pictures of both
classes, scores of the network and of every baseline that go along within a pair, groups of people, generators and a
calibration; the report is judged by the real gate. Nothing depends on the speed of the machine.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy.special import expit
from scipy.stats import norm

from aletheia.core.jsonable import to_records
from aletheia.datasets.sealed import SHARE
from aletheia.evaluation.alike_pairs import alike_pairs
from aletheia.evaluation.cross_matrix import cell_table, worst_cell
from aletheia.evaluation.fairness_gaps import COLUMNS, largest_gap
from aletheia.evaluation.result import fpr_ratios
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate import release_tag, run_gate
from aletheia.release.gate_check import FAILED, CheckResult
from aletheia.stats.calibration_error import expected_calibration_error
from aletheia.stats.clustered_auc import auc_difference, clustered_auc, independent_p
from aletheia.stats.metrics import evaluate_scores
from aletheia.stats.scored_set import ScoredSet
from benchmarks.gate_comparisons import LINES, TRIES, lost_table, repeated, simulate_loss
from benchmarks.gate_rows import PICTURES, draw_score, rows

REPLICATES = 100  # of bootstraps and permutations
#: Baseline → AUC in an honest data set, those that the demo shows.
HONEST = {
    "files": 0.5, "keypoints": 0.6, "thumbnail": 0.6, "blanked": 0.5, "template": 0.7, "window": 0.8, "spectrum": 0.8,
    "network_blanked": 0.6, "network_small": 0.7, "light": 0.5, "all": 0.6,
}  # fmt: skip
KINDS = {"keypoints": "control", "thumbnail": "control", "blanked": "control", "light": "family", "all": "family"}
KEPT = {"n": 100, "covered": 0.9, "covered_low": 0.8, "covered_high": 0.95, "promised": 0.9, "kept": True}
#: Most releases of models without worth, and most refusals of honest ones at four times the demo's size.
LIMITS = (0.05, 0.10)


class Model(NamedTuple):
    """A kind of model: AUC of the network, share of its score that a baseline explains, and the baselines' AUCs."""

    name: str
    auc: float
    shortcut: str = ""
    aucs: dict[str, float] = {}  # noqa: RUF012  # of a NamedTuple, never changed
    worthless: bool = True


MODELS = (
    Model("worthless (AUC .50)", 0.5),
    Model("hardly better than chance (AUC .60)", 0.6),
    Model("shortcut only: files (AUC .95)", 0.95, "files", {"files": 0.95}),
    Model("shortcut only: spectrum (AUC .95)", 0.95, "spectrum", {"spectrum": 0.95}),
    Model("shortcut only: light (AUC .90)", 0.9, "light", {"light": 0.9, "all": 0.9}),
    Model("a little beyond the spectrum (AUC .84)", 0.84, "spectrum"),
    Model("honest (AUC .95)", 0.95, worthless=False),
    Model("honest (AUC .98)", 0.98, worthless=False),
)


def simulate(model: Model, pairs: int, rng: np.random.Generator) -> list[CheckResult]:
    """Draw an evaluation of a model and judge it.

    The bootstraps take nearly all of the time. They are left out where a check that has no part in them fails already.
    """
    frame = rows(pairs, rng)
    fake, groups = (frame["label"] == "fake").to_numpy(), frame["group"].to_numpy()
    aucs = HONEST | model.aucs
    scores = {key: draw_score(fake, groups, auc, rng) for key, auc in aucs.items()}
    network = draw_score(fake, groups, model.auc, rng)
    if model.shortcut:  # the network knows the shortcut, and nothing besides
        shared = scores[model.shortcut] + rng.normal(0, 0.1, len(fake))
        network = shared if model.aucs else shared + np.sqrt(2) * (norm.ppf(model.auc) - norm.ppf(0.8)) * fake
    shift = np.sqrt(2) * norm.ppf(model.auc)
    p = expit(shift * (network - shift / 2) + 1e-9)  # the probability that Bayes' rule gives, at a prior of one half
    scored = ScoredSet(fake, p, 0.5, groups, 0)
    first = clustered_auc(fake, network, groups)
    baselines = {}
    for key, score in scores.items():
        other = clustered_auc(fake, score, groups)
        difference, estimate = auc_difference(first, other), other.estimate()
        values = {"auc": estimate.value, "low": estimate.low, "high": estimate.high, "reason": "", "leading": []}
        values |= {"difference": difference.value, "standard_error": difference.standard_error, "df": difference.df}
        baselines[key] = {"name": key, "kind": KINDS.get(key, ""), **values}
    alike = alike_pairs(frame, fake, p, scores["thumbnail"], groups).to_dict()
    checks: list[CheckResult] = []
    for replicates in (0, REPLICATES):
        checks = judge(frame, scored, {"baselines": baselines, "alike": alike}, replicates)
        if any(check.state == FAILED for check in checks):
            break
    return checks


def judge(frame: pd.DataFrame, scored: ScoredSet, parts: dict[str, Any], replicates: int) -> list[CheckResult]:
    """Evaluate scores as `evaluate_model` does, and run the gate on the report; 0 leaves the bootstraps out."""
    gaps, cells, n = pd.DataFrame(columns=COLUMNS), cell_table(frame, scored), len(frame)
    calibration = {"value": None, "low": None, "high": None, "expected": None, "n": n}
    if replicates:
        gaps = largest_gap(frame, scored, replicates=replicates, permutations=replicates)
        calibration = expected_calibration_error(scored, replicates=replicates).to_dict()
    report = EvaluationReport.parse(
        {
            **evaluate_scores(scored, replicates=replicates).to_dict(),
            "unit": f"groups of {n // PICTURES} people",
            **parts,
            "leaks": 0,
            "own_rows": True,
            "grouping": {"rows": n, "known": n, "guessed": 0, "people": n},
            "fault": "none",
            "calibration_error": calibration,
            "subgroups": [],
            "gaps": to_records(gaps),
            "fpr_ratios": [ratio.model_dump() for ratio in fpr_ratios(gaps)],
            "cells": to_records(cells),
            "worst_cell": worst_cell(cells),
            "unjudged_cells": [
                f"{cell.generator} × {cell.source}" for cell in cells.itertuples() if np.isnan(cell.auc)
            ],
            "prior": [],
            "production": None,
            "weights_sha256": "e" * 64,
            "test_data_hash": "d" * 64,
            # The audit looks at the training rows, and is not simulated: the paired tests alone have to refuse.
            "audit": [],
            "associations": [],
            # Nor is abstention: what it promises depends on validation faces.
            "abstention": {"coverage": [KEPT | {"label": label} for label in ("real", "fake")]},
        }
    )
    return run_gate(report, production_weights="")


def released(trials: int, pairs: int) -> tuple[Table, float, float]:
    """Simulate each kind of model; the most releases of worthless ones, the most refusals of honest ones."""
    table = Table("model", "released", "refused most often by", title=f"{pairs} groups of {2 * pairs} people")
    wrong, refused = [], []
    for model in MODELS:
        rng, tags, reasons = np.random.default_rng(pairs), [], pd.Series(dtype=int)
        for _ in range(trials):
            checks = simulate(model, pairs, rng)
            tags.append(release_tag(checks) == "production")
            reasons = reasons.add(pd.Series({c.name: 1 for c in checks if c.state == FAILED}), fill_value=0)
        share = float(np.mean(tags))
        worst = reasons.sort_values(ascending=False).head(2)
        words = ", ".join(f"{name} ({count / trials:.0%})" for name, count in worst.items())
        table.add_row(model.name, f"{share:.1%}", words)
        (wrong if model.worthless else refused).append(share if model.worthless else 1 - share)
    return table, max(wrong), max(refused)


def sealed(trials: int, groups: int) -> tuple[Table, float]:
    """Simulate the best of several equal models on the open part of a test set, and what the sealed part says of it.

    In the last lines a model was fitted to the open rows, whose fakes score higher than others would, by so many
    standard deviations: there the check has something to find.
    """
    n_sealed = round(groups * SHARE)
    table = Table("tries", "open AUC above the truth", "sealed AUC above the truth", "contradicted")
    table.title = f"The best of k models, {groups} groups, of which {n_sealed} are sealed"
    rng, wrong = np.random.default_rng(groups), 0.0
    for count, fitted in [*((count, 0.0) for count in TRIES), (1, 0.5), (1, 1.0)]:
        gain, left, contradicted = np.mean([_best(groups, n_sealed, count, fitted, rng) for _ in range(trials)], axis=0)
        name = f"1, fitted to the open rows by {fitted:g}" if fitted else f"{count}"
        table.add_row(name, f"{gain:+.4f}", f"{left:+.4f}", f"{contradicted:.1%}")
        wrong = max(wrong, 0.0 if fitted or count > 1 else float(contradicted))
    return table, wrong


def _best(
    groups: int, n_sealed: int, count: int, fitted: float, rng: np.random.Generator, truth: float = 0.95
) -> tuple[float, float, bool]:
    """Draw models on one test set; by how much the best exceeds the truth, open and sealed, and the check's verdict."""
    frame = rows(groups, rng)
    fake, ids = (frame["label"] == "fake").to_numpy(), frame["group"].to_numpy()
    is_open = ids >= n_sealed
    common = draw_score(fake, ids, 0.5, rng)
    shift = np.sqrt(2) * norm.ppf(truth) * fake + fitted * (fake & is_open)
    scores = [np.sqrt(0.5) * (common + draw_score(fake, ids, 0.5, rng)) + shift for _ in range(count)]
    tried = [clustered_auc(fake[is_open], score[is_open], ids[is_open]) for score in scores]
    best = int(np.argmax([one.value for one in tried]))
    first, second = tried[best], clustered_auc(fake[~is_open], scores[best][~is_open], ids[~is_open])
    p = independent_p(first.estimate(), first.df, second.estimate(), second.df)
    return first.value - truth, second.value - truth, p < 0.05


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200, help="simulated evaluations a line")
    options = parser.parse_args()
    console = Console(width=140)
    wrong, refused = [], []
    for pairs in (11, 44):  # the demo's size, and four times it
        table, most, fewest = released(options.trials, pairs)
        console.print(table)
        wrong.append(most)
        refused.append(fewest)
    table, promoted = repeated(max(options.trials, 1000), 11)
    console.print(table)
    found = [simulate_loss(max(options.trials, 1000), *line) for line in LINES]
    console.print(lost_table(found))
    contradicted = []
    for groups in (27, 88):
        table, share = sealed(options.trials, groups)
        console.print(table)
        contradicted.append(share)
    most, costs = LIMITS
    good = max(wrong) <= most and refused[-1] <= costs and promoted <= 0.07 and max(contradicted) <= 0.1
    good = good and max(line.no_worse[0] for line in found) <= 0.07
    print(f"Limits: at most {most:.0%} of worthless models are released, at most {costs:.0%} of honest ones refused at")
    print(
        "four times the demo's size, a model that is no better is promoted in 7 %, one that has lost the whole margin"
    )
    print("passes as no worse in 7 %, the sealed part contradicts 10 % of single models:")
    print("kept." if good else "MISSED.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
