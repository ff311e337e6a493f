"""Metrics and their intervals, against scikit-learn, torchmetrics and closed forms."""

from __future__ import annotations

import time

import numpy as np
import pytest
import sklearn.metrics as sk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aletheia.core.errors import InputError
from aletheia.stats.bootstrap import RANKING, GroupedScores, draw_counts
from aletheia.stats.curves import auc, curve
from aletheia.stats.metrics import NAMES, evaluate_scores


def sample(n=400, ties=False, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.8).astype(int)
    p = 1 / (1 + np.exp(-rng.normal(1.2 * y - 0.6, 1)))
    return y, np.round(p, 1) if ties else p


@pytest.mark.parametrize("ties", [False, True])
def test_values_are_scikit_learns(ties):
    y, p = sample(ties=ties)
    m = evaluate_scores(y, p, 0.55, replicates=0)
    called = (p >= 0.55).astype(int)
    fpr, tpr, _ = sk.roc_curve(y, p, drop_intermediate=False)
    wanted = {
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
    assert set(wanted) == set(NAMES)
    for name, value in wanted.items():
        assert m[name].value == pytest.approx(value, abs=1e-12), name
    tn, fp, fn, tp = sk.confusion_matrix(y, called).ravel()
    assert m.confusion == {"tn": tn, "fp": fp, "fn": fn, "tp": tp}
    assert m.majority_share == pytest.approx(max(y.mean(), 1 - y.mean()))
    assert (m.n, m.n_fake, m.n_real) == (len(y), y.sum(), (1 - y).sum())
    assert np.isnan(m["auc"].low)


def test_values_are_torchmetrics():
    from torchmetrics.classification import BinaryAUROC, BinaryAveragePrecision, BinaryEER, BinaryF1Score

    y, p = sample(2000)
    m = evaluate_scores(y, p, 0.5, replicates=0)
    target, preds = torch.tensor(y), torch.tensor(p)
    assert m["auc"].value == pytest.approx(BinaryAUROC()(preds, target).item(), abs=1e-6)
    assert m["average_precision"].value == pytest.approx(BinaryAveragePrecision()(preds, target).item(), abs=1e-6)
    assert m["f1"].value == pytest.approx(BinaryF1Score()(preds, target).item(), abs=1e-6)
    # Theirs takes the nearest point of the curve, ours the crossing: half a step of the smaller class apart.
    assert m["eer"].value == pytest.approx(BinaryEER()(preds, target).item(), abs=1 / (1 - y).sum())


_ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=2, max_size=30)


@settings(deadline=None, max_examples=150)
@given(_ROWS)
def test_a_replicate_is_the_metric_of_the_repeated_rows(rows):
    y, p, group = (np.array(column) for column in zip(*rows, strict=True))
    y, p = y.astype(int), p / 6
    data = GroupedScores(y, p, group)
    counts = next(iter(draw_counts(data.n_groups, 1, np.random.default_rng(len(rows)))))
    repeats = counts[np.unique(group, return_inverse=True)[1]].astype(int)
    again_y, again_p = np.repeat(y, repeats), np.repeat(p, repeats)
    got = dict(zip(RANKING, data.ranking_metrics(counts), strict=True))
    if len(set(again_y)) < 2:
        assert np.isnan(list(got.values())).all()
        return
    fpr, tpr, _ = sk.roc_curve(again_y, again_p, drop_intermediate=False)
    assert got["auc"] == pytest.approx(sk.roc_auc_score(again_y, again_p))
    assert got["average_precision"] == pytest.approx(sk.average_precision_score(again_y, again_p))
    assert got["tpr_at_fpr_5"] == pytest.approx(tpr[fpr <= 0.05].max())
    assert got["eer"] == pytest.approx(np.interp(0, fpr + tpr - 1, fpr), abs=1e-9)


@settings(deadline=None, max_examples=100)
@given(_ROWS)
def test_auc_and_curve(rows):
    y, p, _ = (np.array(column) for column in zip(*rows, strict=True))
    if y.min() == y.max():
        assert np.isnan(auc(y, p))
        return
    assert auc(y, p) == pytest.approx(sk.roc_auc_score(y, p))
    fpr, tpr, thresholds = sk.roc_curve(y, p, drop_intermediate=False)
    c = curve(y, p)
    np.testing.assert_allclose(c.fpr, fpr)
    np.testing.assert_allclose(c.tpr, tpr)
    np.testing.assert_array_equal(c.thresholds, thresholds[1:])


def test_a_perfect_ranking_has_exactly_one():
    y = np.array([0] * 49 + [1] * 151)
    assert auc(y, y.astype(float)) == 1.0


def test_intervals_of_independent_rows_have_the_textbook_width():
    y, p = sample(4000)
    m = evaluate_scores(y, p, 0.5)
    share, n = m["accuracy"].value, m.n
    half = 1.96 * np.sqrt(share * (1 - share) / n)
    assert (m["accuracy"].high - m["accuracy"].low) / 2 == pytest.approx(half, rel=0.08)
    # DeLong's standard error of the AUC, from its placement values.
    fakes, reals = p[y == 1], p[y == 0]
    wins = (fakes[:, None] > reals).astype(float) + 0.5 * (fakes[:, None] == reals)
    se = np.sqrt(wins.mean(axis=1).var(ddof=1) / len(fakes) + wins.mean(axis=0).var(ddof=1) / len(reals))
    assert (m["auc"].high - m["auc"].low) / 2 == pytest.approx(1.96 * se, rel=0.08)


def test_intervals_over_groups_see_that_copies_are_no_evidence():
    y, p = sample(200)
    single = evaluate_scores(y, p, 0.5, np.arange(200), seed=1)
    copies = evaluate_scores(np.repeat(y, 10), np.repeat(p, 10), 0.5, np.repeat(np.arange(200), 10), seed=1)
    naive = evaluate_scores(np.repeat(y, 10), np.repeat(p, 10), 0.5, seed=1)
    for name in NAMES:
        assert copies[name].low == pytest.approx(single[name].low), name
        assert copies[name].high == pytest.approx(single[name].high), name
    assert naive["auc"].high - naive["auc"].low < 0.5 * (copies["auc"].high - copies["auc"].low)
    assert (copies.n, copies.n_groups) == (2000, 200)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    from scipy.stats import norm

    truth = norm.cdf(1.0 / np.sqrt(2))  # AUC of N(1, 1) against N(0, 1)
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(150):
        y = np.repeat([0, 1], 60)
        z = rng.normal(y, 1)
        m = evaluate_scores(y, 1 / (1 + np.exp(-z)), seed=trial, replicates=300)
        hits += m["auc"].low <= truth <= m["auc"].high
    assert 0.88 <= hits / 150 <= 0.99


def test_perfect_scores_are_not_certainty():
    y = np.array([0] * 10 + [1] * 30)
    m = evaluate_scores(y, y.astype(float), 0.5)
    assert m["auc"].value == 1.0 and m["auc"].low == pytest.approx(0.722, abs=1e-3) and m["auc"].high == 1.0
    assert m["fpr"].value == 0.0 and m["fpr"].high == pytest.approx(0.278, abs=1e-3)  # Wilson, 0 of 10
    assert m["accuracy"].low < 1.0


def test_unknown_groups_are_units_of_their_own():
    y, p = sample(60)
    groups = np.array(["a"] * 20 + [""] * 20 + [None] * 20, dtype=object)
    assert evaluate_scores(y, p, 0.5, groups, replicates=0).n_groups == 41


def test_rows_without_a_score_are_counted_and_left_out():
    y, p = sample(100)
    with_gaps = p.copy()
    with_gaps[::10] = np.nan
    m = evaluate_scores(y, with_gaps, 0.5, np.arange(100) // 2, seed=3)
    keep = ~np.isnan(with_gaps)
    same = evaluate_scores(y[keep], p[keep], 0.5, (np.arange(100) // 2)[keep], seed=3)
    assert m.n_unreadable == 10 and m.n == 90
    assert m.values == same.values


def test_one_class_only_has_no_ranking_but_the_rest():
    m = evaluate_scores(np.ones(50), np.linspace(0, 1, 50), 0.5)
    assert np.isnan(m["auc"].value) and str(m["auc"]) == "not defined"
    assert m["recall"].value == 0.5 and np.isnan(m["fpr"].value)
    flat = m.flat()
    assert "auc" not in flat and flat["recall"] == 0.5
    assert m.to_dict()["metrics"]["auc"] == {"value": None, "low": None, "high": None}


def test_the_same_seed_gives_the_same_intervals():
    y, p = sample(100)
    assert evaluate_scores(y, p, seed=1).values == evaluate_scores(y, p, seed=1).values
    assert evaluate_scores(y, p, seed=1).values != evaluate_scores(y, p, seed=2).values


@pytest.mark.parametrize(
    ("y", "p", "match"),
    [
        ([0, 1], [0.5], "one length"),
        ([0, 2], [0.5, 0.5], "0 .real. or 1"),
        ([0, 1], [0.5, 3.0], "logits"),
        ([0, 1], [-1.0, 0.3], "logits"),
        ([0, 1], [np.nan, np.nan], "None of the 2 rows"),
        ([], [], "None of the 0 rows"),
    ],
)
def test_bad_input(y, p, match):
    with pytest.raises(InputError, match=match):
        evaluate_scores(y, p)


@pytest.mark.slow
def test_2000_replicates_on_100_000_rows_take_seconds():
    y, p = sample(100_000)
    for groups in (None, np.arange(100_000) // 20):
        start = time.process_time()
        evaluate_scores(y, p, 0.5, groups)
        assert time.process_time() - start < 45  # seven on a quiet machine; test machines are shared
