"""Predictive values at other base rates, against Bayes' rule by hand, scikit-learn's weights and a closed form."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import precision_score

from aletheia.core.errors import InputError
from aletheia.evaluation.prevalence import BASE_RATES, predictive_values, prior_figure, prior_shift
from aletheia.stats.intervals import wilson
from aletheia.stats.metrics import evaluate_scores
from aletheia.stats.scored_set import ScoredSet


def shift(y, p, groups=None, seed=0, **options):
    return prior_shift(ScoredSet(y, p, 0.5, groups, seed), **options)


def sample(n=600, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.4).astype(int)
    p = 1 / (1 + np.exp(-rng.normal(3.0 * y - 1.5, 1)))
    return y, p, rng.integers(0, n // 5, n)


def test_predictive_values_by_hand():
    # 1,000,000 photos, 1,000 of them fakes: 900 found, 9,990 false alarms.
    ppv, npv = predictive_values(0.9, 0.01, 0.001)
    assert ppv == pytest.approx(900 / 10_890) and npv == pytest.approx(989_010 / 989_110)
    # Axelsson's intrusions, 2 in 100,000 records, at one false alarm in 100,000.
    assert predictive_values([1.0, 0.7], 1e-5, 2e-5)[0] == pytest.approx([0.667, 0.583], abs=1e-3)
    nothing_called, nothing_passed = predictive_values(0.0, 0.0, 0.1), predictive_values(1.0, 1.0, 0.1)
    assert np.isnan(nothing_called[0]) and nothing_called[1] == pytest.approx(0.9)
    assert np.isnan(nothing_passed[1]) and nothing_passed[0] == pytest.approx(0.1)


def weights(y, base_rate):
    return np.where(y == 1, base_rate / np.mean(y), (1 - base_rate) / np.mean(1 - y))


def test_prior_shift_matches_scikit_learn():
    y, p, _ = sample()
    table = shift(y, p)
    called = (p >= 0.5).astype(int)
    assert tuple(table["base_rate"]) == BASE_RATES
    for row in table.itertuples():
        weight = weights(y, row.base_rate)
        assert row.ppv == pytest.approx(precision_score(y, called, sample_weight=weight))
        assert row.npv == pytest.approx(precision_score(1 - y, 1 - called, sample_weight=weight))
        assert row.false_alarms == pytest.approx(10_000 * called[y == 0].mean())
        assert row.ppv_low < row.ppv < row.ppv_high and row.npv_low < row.npv < row.npv_high
    own = shift(y, p, base_rates=[y.mean()])
    assert own["ppv"].item() == pytest.approx(precision_score(y, called))


def test_prior_shift_coverage_of_grouped_rows():
    """40 people who differ, a threshold that calls 4 in 5 fakes and 1 in 10 genuine photos, fakes 1 in 100."""
    rng, truth = np.random.default_rng(3), predictive_values(0.8, 0.1, 0.01)
    held = []
    for _ in range(300):
        y = np.tile([0, 1], 40 * 8)
        groups = np.repeat(np.arange(40), 16)
        rates = np.stack([rng.beta(1, 9, 40), rng.beta(8, 2, 40)])
        called = rng.random(len(y)) < rates[y, groups]
        row = shift(y, called.astype(float), groups, base_rates=[0.01]).iloc[0]
        held.append((row["ppv_low"] <= truth[0] <= row["ppv_high"], row["npv_low"] <= truth[1] <= row["npv_high"]))
    assert (np.mean(held, axis=0) >= 0.92).all() and (np.mean(held, axis=0) <= 0.995).all()


def test_prior_shift_false_alarms_match_fpr():
    y, p, groups = sample()
    fpr = evaluate_scores(ScoredSet(y, p, 0.5, groups, 2))["fpr"]
    row = shift(y, p, groups, seed=2).iloc[0]
    alarms = [row["false_alarms"], row["false_alarms_low"], row["false_alarms_high"]]
    assert alarms == pytest.approx([10_000 * fpr.value, 10_000 * fpr.low, 10_000 * fpr.high])


def test_prior_shift_interval_width():
    # The log-odds of the predictive value are those of the base rate plus log(tpr / fpr), whose standard error
    # is known (Mercaldo, Lau and Zhou, Statistics in Medicine 26, 2007).
    y, p, _ = sample(6000)
    called = p >= 0.5
    tpr, fpr = called[y == 1].mean(), called[y == 0].mean()
    error = np.sqrt((1 - tpr) / (tpr * np.sum(y == 1)) + (1 - fpr) / (fpr * np.sum(y == 0)))
    row = shift(y, p, base_rates=[0.01]).iloc[0]
    width = np.diff(np.log(row[["ppv_low", "ppv_high"]] / (1 - row[["ppv_low", "ppv_high"]])).astype(float))
    assert width == pytest.approx(2 * norm.ppf(0.975) * error, rel=0.08)


def test_prior_shift_interval_without_false_alarms():
    y = np.array([0] * 40 + [1] * 40)
    groups = np.arange(80) // 2
    perfect = shift(y, y.astype(float), groups, base_rates=[0.01]).iloc[0]
    low, high = wilson(0, 20)[0], wilson(0, 20)[1]
    assert perfect["ppv"] == perfect["ppv_high"] == 1.0 and low == 0
    assert perfect["ppv_low"] == pytest.approx(predictive_values(1 - high, high, 0.01)[0])
    assert perfect["npv_low"] == pytest.approx(predictive_values(1 - high, high, 0.01)[1])
    assert perfect["false_alarms_high"] == pytest.approx(10_000 * high) and perfect["false_alarms_low"] == 0
    # Some fakes missed, still no false alarm: the one rate varies, the other is at its limit.
    p = np.where(np.arange(80) % 4 == 0, 0.1, y)
    some = shift(y, p, groups, base_rates=[0.01]).iloc[0]
    recall = evaluate_scores(ScoredSet(y, p, 0.5, groups))["recall"]
    assert some["ppv_low"] == pytest.approx(predictive_values(recall.low, high, 0.01)[0])
    assert some["ppv_high"] == 1.0


def test_prior_shift_groups_copies():
    y, p, _ = sample(200)
    single = shift(y, p, np.arange(200))
    copies = shift(np.repeat(y, 8), np.repeat(p, 8), np.repeat(np.arange(200), 8))
    np.testing.assert_allclose(copies, single)


def test_prior_shift_undefined():
    y, p, groups = sample()
    gaps = p.copy()
    gaps[::3] = np.nan
    keep = ~np.isnan(gaps)
    left = shift(y[keep], p[keep], groups[keep])
    np.testing.assert_array_equal(shift(y, gaps, groups), left)
    single_class = shift(np.ones(30), np.linspace(0, 1, 30))
    assert single_class.drop(columns="base_rate").isna().all().all()
    for rates in ([0.0, 0.1], [1.0], [-0.1], [[0.1]]):
        with pytest.raises(InputError, match="base_rates"):
            shift(y, p, base_rates=rates)
    with pytest.raises(InputError, match="logits"):
        shift(y, p * 9)


def test_prior_figure_shows_table():
    y, p, groups = sample()
    table = shift(y, p, groups)
    figure = prior_figure(table)
    band, line, always = figure.data
    np.testing.assert_allclose(line.x, 100 * table["base_rate"])
    np.testing.assert_allclose(line.y, 100 * table["ppv"])
    np.testing.assert_allclose(band.y, 100 * np.concatenate([table["ppv_high"], table["ppv_low"][::-1]]))
    np.testing.assert_allclose(always.y, always.x)
    assert figure.layout.xaxis.type == "log" and "%" in figure.layout.xaxis.title.text
    assert "%" in figure.layout.yaxis.title.text
    assert f"{table['false_alarms'][0]:,.0f}" in figure.layout.title.subtitle.text
    nothing = prior_figure(shift(np.ones(9), np.linspace(0, 1, 9)))
    assert not nothing.data and "needed" in nothing.layout.annotations[0].text


@pytest.mark.slow
def test_prior_shift_time_100_000_rows():
    y, p, _ = sample(100_000)
    for groups in (None, np.arange(100_000) // 20):
        start = time.process_time()
        shift(y, p, groups)
        assert time.process_time() - start < 10  # one on a quiet machine; test machines are shared
