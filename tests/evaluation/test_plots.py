"""Figures of an evaluation, against scikit-learn and NumPy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from sklearn.calibration import calibration_curve

from aletheia.evaluation.plots import calibration, confusion, generator_rates, precision_recall, roc, scores_by_label
from aletheia.stats.metrics import evaluate_scores
from aletheia.stats.scored_set import ScoredSet


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(0)
    y = np.arange(600) % 2
    return ScoredSet(y, np.clip(rng.normal(0.35 + 0.3 * y, 0.2), 0, 1), 0.6)


@pytest.fixture(scope="module")
def metrics(scored):
    return evaluate_scores(scored, replicates=20)


def test_roc_matches_scikit_learn(scored, metrics):
    figure = roc(scored.y, scored.p, metrics, 0.61)
    line, _, point = figure.data
    assert sk.auc(line.x, line.y) == pytest.approx(sk.roc_auc_score(scored.y, scored.p))
    assert str(metrics["auc"]) in line.name
    called = scored.p >= 0.6
    assert (point.x[0], point.y[0]) == pytest.approx((called[scored.y == 0].mean(), called[scored.y == 1].mean()))
    assert "AUC 0.610" in figure.layout.title.subtitle.text


def test_roc_thinned_for_many_rows():
    rng = np.random.default_rng(1)
    y, p = rng.random(5000) < 0.5, rng.random(5000)
    line = roc(y, p, evaluate_scores(ScoredSet(y, p), replicates=0)).data[0]
    assert len(line.x) <= 1500 and (line.x[0], line.y[-1]) == (0, 1)
    assert sk.auc(line.x, line.y) == pytest.approx(sk.roc_auc_score(y, p), abs=1e-3)


def test_precision_recall_matches_scikit_learn(scored, metrics):
    line, chance = precision_recall(scored.y, scored.p, metrics).data
    steps = np.diff(line.x, prepend=0.0) @ np.array(line.y)
    assert steps == pytest.approx(sk.average_precision_score(scored.y, scored.p))
    assert set(chance.y) == {0.5}


def test_calibration_matches_scikit_learn(scored):
    """Classes of equal size weigh the same, so that scikit-learn's unweighted bins are the same."""
    line = calibration(scored.y, scored.p).data[1]
    shares, means = calibration_curve(scored.y, scored.p, n_bins=10, strategy="quantile")
    np.testing.assert_allclose(line.x, means, atol=0.01)
    np.testing.assert_allclose(line.y, shares, atol=0.02)
    assert sum(line.customdata) == 600


def test_calibration_intervals_count_groups(scored):
    """Every row five times says no more than once: the bars are as long, where counted rows would shorten them."""
    y, p = np.repeat(scored.y, 5), np.repeat(scored.p, 5)
    once, rows, groups = (
        calibration(*args).data[1]
        for args in ((scored.y, scored.p), (y, p), (y, p, 10, np.repeat(np.arange(len(scored.y)), 5)))
    )
    lengths = [np.mean(line.error_y.array + line.error_y.arrayminus) for line in (once, rows, groups)]
    assert lengths[2] == pytest.approx(lengths[0], rel=0.2) and lengths[1] < 0.6 * lengths[0]


def test_confusion_matches_scikit_learn(scored, metrics):
    texts = [annotation.text for annotation in confusion(metrics).layout.annotations[:4]]
    counts = sk.confusion_matrix(scored.y, scored.p >= 0.6).ravel()
    assert [text.split("</b>")[0] for text in texts] == [f"<b>{count}" for count in counts]


def test_scores_by_label_matches_numpy(scored):
    real, fake = scores_by_label(scored.y, scored.p, 0.6).data
    for bars, label in ((real, 0), (fake, 1)):
        expected = np.histogram(scored.p[scored.y == label], 40, (0, 1))[0] / 300
        np.testing.assert_allclose(bars.y, expected)


def test_generator_rates_sorted_with_intervals():
    table = pd.DataFrame(
        {"value": ["swap", "blend", "rare"], "n_fake": [30, 40, 3], "auc": [0.9, 0.7, np.nan],
         "auc_low": [0.85, 0.6, np.nan], "auc_high": [0.94, 0.8, np.nan]}
    )  # fmt: skip
    figure = generator_rates(table)
    points = figure.data[0]
    assert figure.layout.yaxis.ticktext == ("blend  (n = 40)", "swap  (n = 30)") and list(points.y) == [0, 1]
    assert list(points.x) == [0.7, 0.9]
    np.testing.assert_allclose(points.error_x.array, [0.1, 0.04])
    assert not generator_rates(table.iloc[2:]).data


def test_figures_one_class():
    y, p = np.ones(5), np.linspace(0, 1, 5)
    metrics = evaluate_scores(ScoredSet(y, p), replicates=0)
    for figure in (roc(y, p, metrics), precision_recall(y, p, metrics), calibration(y, p)):
        assert not figure.data and "One class only" in figure.layout.annotations[0].text
