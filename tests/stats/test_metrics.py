"""Metrics and their intervals, against scikit-learn, torchmetrics and closed forms."""

from __future__ import annotations

import time

import numpy as np
import pytest
import sklearn.metrics as sk
import torch

from aletheia.core.errors import InputError
from aletheia.stats.metrics import NAMES, evaluate_scores
from aletheia.stats.scored_set import ScoredSet


def evaluate(y, p, threshold=0.5, groups=None, seed=0, **options):
    return evaluate_scores(ScoredSet(y, p, threshold, groups, seed), **options)


def sample(n=400, ties=False, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.8).astype(int)
    p = 1 / (1 + np.exp(-rng.normal(1.2 * y - 0.6, 1)))
    return y, np.round(p, 1) if ties else p


@pytest.mark.parametrize("ties", [False, True])
def test_evaluate_scores_matches_scikit_learn(ties):
    y, p = sample(ties=ties)
    m = evaluate(y, p, 0.55, replicates=0)
    called = (p >= 0.55).astype(int)
    fpr, tpr, _ = sk.roc_curve(y, p, drop_intermediate=False)
    expected = {
        "auc": sk.roc_auc_score(y, p),
        "average_precision": sk.average_precision_score(y, p),
        "log_loss": sk.log_loss(y, p),
        "brier": sk.brier_score_loss(y, p),
        "accuracy": sk.accuracy_score(y, called),
        "balanced_accuracy": sk.balanced_accuracy_score(y, called),
        "precision": sk.precision_score(y, called),
        "recall": sk.recall_score(y, called),
        "f1": sk.f1_score(y, called),
        "fpr": called[y == 0].mean(),
        "fnr": 1 - called[y == 1].mean(),
        "tpr_at_fpr_1": tpr[fpr <= 0.01].max(),
        "tpr_at_fpr_5": tpr[fpr <= 0.05].max(),
        # Where the line of the ROC curve crosses tpr = 1 - fpr.
        "eer": np.interp(0, fpr + tpr - 1, fpr),
    }
    assert set(expected) == set(NAMES)
    for name, value in expected.items():
        assert m[name].value == pytest.approx(value, abs=1e-12), name
    tn, fp, fn, tp = sk.confusion_matrix(y, called).ravel()
    assert m.confusion == {"tn": tn, "fp": fp, "fn": fn, "tp": tp}
    assert m.majority_share == pytest.approx(max(y.mean(), 1 - y.mean()))
    assert (m.n, m.n_fake, m.n_real) == (len(y), y.sum(), (1 - y).sum())
    assert np.isnan(m["auc"].low)


def test_evaluate_scores_matches_torchmetrics():
    from torchmetrics.classification import BinaryAUROC, BinaryAveragePrecision, BinaryEER, BinaryF1Score

    y, p = sample(2000)
    m = evaluate(y, p, 0.5, replicates=0)
    target, preds = torch.tensor(y), torch.tensor(p)
    assert m["auc"].value == pytest.approx(BinaryAUROC()(preds, target).item(), abs=1e-6)
    assert m["average_precision"].value == pytest.approx(BinaryAveragePrecision()(preds, target).item(), abs=1e-6)
    assert m["f1"].value == pytest.approx(BinaryF1Score()(preds, target).item(), abs=1e-6)
    # Theirs takes the nearest point of the curve, ours the crossing: half a step of the smaller class apart.
    assert m["eer"].value == pytest.approx(BinaryEER()(preds, target).item(), abs=1 / (1 - y).sum())


def test_evaluate_scores_interval_width_independent_rows():
    y, p = sample(4000)
    m = evaluate(y, p, 0.5)
    share, n = m["accuracy"].value, m.n
    half = 1.96 * np.sqrt(share * (1 - share) / n)
    assert (m["accuracy"].high - m["accuracy"].low) / 2 == pytest.approx(half, rel=0.08)
    # DeLong's standard error of the AUC, from its placement values.
    fakes, reals = p[y == 1], p[y == 0]
    wins = (fakes[:, None] > reals).astype(float) + 0.5 * (fakes[:, None] == reals)
    se = np.sqrt(wins.mean(axis=1).var(ddof=1) / len(fakes) + wins.mean(axis=0).var(ddof=1) / len(reals))
    assert (m["auc"].high - m["auc"].low) / 2 == pytest.approx(1.96 * se, rel=0.08)


def test_evaluate_scores_groups_copies():
    y, p = sample(200)
    single = evaluate(y, p, 0.5, np.arange(200), seed=1)
    copies = evaluate(np.repeat(y, 10), np.repeat(p, 10), 0.5, np.repeat(np.arange(200), 10), seed=1)
    naive = evaluate(np.repeat(y, 10), np.repeat(p, 10), 0.5, seed=1)
    for name in NAMES:
        assert copies[name].low == pytest.approx(single[name].low), name
        assert copies[name].high == pytest.approx(single[name].high), name
    assert naive["auc"].high - naive["auc"].low < 0.5 * (copies["auc"].high - copies["auc"].low)
    assert (copies.n, copies.n_groups) == (2000, 200)


@pytest.mark.slow
def test_evaluate_scores_interval_coverage():
    from scipy.stats import norm

    truth = norm.cdf(1.0 / np.sqrt(2))  # AUC of N(1, 1) against N(0, 1)
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(150):
        y = np.repeat([0, 1], 60)
        z = rng.normal(y, 1)
        m = evaluate(y, 1 / (1 + np.exp(-z)), seed=trial, replicates=300)
        hits += m["auc"].low <= truth <= m["auc"].high
    assert 0.88 <= hits / 150 <= 0.99


def test_evaluate_scores_perfect_ranking_interval():
    y = np.array([0] * 10 + [1] * 30)
    m = evaluate(y, y.astype(float), 0.5)
    assert m["auc"].value == 1.0 and m["auc"].low == pytest.approx(0.722, abs=1e-3) and m["auc"].high == 1.0
    assert m["fpr"].value == 0.0 and m["fpr"].high == pytest.approx(0.278, abs=1e-3)  # Wilson, 0 of 10
    assert m["accuracy"].low < 1.0


def test_evaluate_scores_unknown_groups():
    y, p = sample(60)
    groups = np.array(["a"] * 20 + [""] * 20 + [None] * 20, dtype=object)
    assert evaluate(y, p, 0.5, groups, replicates=0).n_groups == 41


def test_evaluate_scores_unreadable_rows():
    y, p = sample(100)
    with_gaps = p.copy()
    with_gaps[::10] = np.nan
    m = evaluate(y, with_gaps, 0.5, np.arange(100) // 2, seed=3)
    keep = ~np.isnan(with_gaps)
    same = evaluate(y[keep], p[keep], 0.5, (np.arange(100) // 2)[keep], seed=3)
    assert m.n_unreadable == 10 and m.n == 90
    assert m.values == same.values


def test_evaluate_scores_one_class():
    m = evaluate(np.ones(50), np.linspace(0, 1, 50), 0.5)
    assert np.isnan(m["auc"].value) and str(m["auc"]) == "not defined"
    assert m["recall"].value == 0.5 and np.isnan(m["fpr"].value)
    flat = m.flat()
    assert "auc" not in flat and flat["recall"] == 0.5
    assert m.to_dict()["metrics"]["auc"] == {"value": None, "low": None, "high": None}


def test_evaluate_scores_seed():
    y, p = sample(100)
    assert evaluate(y, p, seed=1).values == evaluate(y, p, seed=1).values
    assert evaluate(y, p, seed=1).values != evaluate(y, p, seed=2).values


@pytest.mark.parametrize("n", [0, 2])
def test_evaluate_scores_nothing_scored(n):
    with pytest.raises(InputError, match=f"None of the {n} rows"):
        evaluate(np.arange(n), np.full(n, np.nan))


@pytest.mark.slow
def test_evaluate_scores_time_100_000_rows():
    y, p = sample(100_000)
    for groups in (None, np.arange(100_000) // 20):
        start = time.process_time()
        evaluate(y, p, 0.5, groups)
        assert time.process_time() - start < 45  # seven on a quiet machine; test machines are shared
