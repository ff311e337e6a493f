"""Expected calibration error, against torchmetrics, hand-computed cases, closed forms and simulated truth."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.special import expit
from scipy.stats import binom
from torchmetrics.classification import BinaryCalibrationError

from aletheia.evaluation.plots import calibration
from aletheia.stats.bootstrap import draw_counts
from aletheia.stats.calibration_error import balanced_weights, equal_mass_bins, expected_calibration_error
from aletheia.stats.scored_set import ScoredSet


def error_of(y, p, groups=None, seed=0, **options):
    return expected_calibration_error(ScoredSet(y, p, groups=groups, seed=seed), **options)


def calibrated(n, share=0.5, distance=2.0, seed=0):
    """Probabilities that are right for a prior of one half: normal scores whose log-odds are linear."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) < share * n).astype(int)
    return y, expit(rng.normal((2 * y - 1) * distance**2 / 2, distance))


def squared(n, seed=0):
    """Evenly spread probabilities, of which the true ones are the squares: they are 1/6 apart on average."""
    p = (np.arange(n) + 0.5) / n
    return (np.random.default_rng(seed).random(n) < p**2).astype(int), p


def test_expected_calibration_error_matches_torchmetrics():
    y, p = squared(500)
    for bins in (5, 10):
        expected = BinaryCalibrationError(n_bins=bins)(torch.tensor(p), torch.tensor(y)).item()
        error = error_of(y, p, balanced=False, bins=bins, replicates=0)
        assert error.value == pytest.approx(expected, abs=1e-6)
        assert error.n == 500 and np.isnan(error.low)


def test_expected_calibration_error_four_rows_by_hand():
    y, p = np.array([0, 1, 1, 1]), np.array([0.1, 0.2, 0.7, 0.9])
    plain = error_of(y, p, balanced=False, bins=2, replicates=0)
    assert plain.value == pytest.approx(0.5 * (0.5 - 0.15) + 0.5 * (1 - 0.8))
    # The real row weighs 1/2, each fake 1/6.
    even = error_of(y, p, bins=2, replicates=0)
    assert even.value == pytest.approx((0.8 / 6 - 0.1 / 2) + (0.3 + 0.1) / 6)


def test_expected_calibration_error_closed_form():
    y, p = squared(100_000)
    error = error_of(y, p, balanced=False, replicates=100)
    assert error.value == pytest.approx(1 / 6, abs=0.005)
    assert error.low < 1 / 6 < error.high and error.high - error.low < 0.01
    assert error.expected < 0.01


def test_expected_calibration_error_interval_coverage():
    hits = 0
    for seed in range(100):
        error = error_of(*squared(400, seed), balanced=False, replicates=200, seed=seed)
        hits += error.low <= 1 / 6 <= error.high
    assert 85 <= hits <= 100


def test_expected_calibration_error_balanced_ignores_share_of_fakes():
    y, p = calibrated(20_000, share=0.95)
    assert error_of(y, p, replicates=0).value < 0.02
    assert error_of(y, p, balanced=False, replicates=0).value > 0.15


@pytest.mark.parametrize("balanced", [False, True])
def test_expected_matches_mean_error_of_calibrated_models(balanced):
    values, expected = [], []
    for seed in range(60):
        y, p = calibrated(300, share=0.7 if balanced else 0.5, seed=seed)
        if not balanced:  # labels from the probabilities, and not the other way round
            y = (np.random.default_rng(1000 + seed).random(300) < p).astype(int)
        error = error_of(y, p, balanced=balanced, replicates=0)
        values.append(error.value)
        expected.append(error.expected)
    assert np.mean(values) == pytest.approx(np.mean(expected), rel=0.08)
    assert np.mean(values) > 0.03  # the bias: the true error is 0


def mean_distance(n):
    """Of a binomial share of 1/2 from 1/2."""
    hits = np.arange(n + 1)
    return float(binom.pmf(hits, n, 0.5) @ np.abs(hits / n - 0.5))


def test_expected_draws_groups_of_one_label_together():
    y, p = np.tile([0, 0, 0, 0, 1, 1, 1, 1], 5), np.full(40, 0.5)
    apart = error_of(y, p, balanced=False, replicates=0)
    videos = error_of(y, p, np.arange(40) // 4, balanced=False, replicates=0)
    people = error_of(y, p, np.arange(40) // 8, balanced=False, replicates=0)
    assert apart.expected == pytest.approx(mean_distance(40), rel=0.15)
    assert videos.expected == pytest.approx(mean_distance(10), rel=0.15)
    assert people.expected == pytest.approx(mean_distance(40), rel=0.15)  # their rows have labels of both kinds


def test_expected_zero_for_constant_probability():
    y = np.array([0] * 80 + [1] * 20)
    error = error_of(y, np.full(100, 0.9))
    assert [error.value, error.low, error.high] == pytest.approx([0.4] * 3)  # half of the weight is real
    assert error.expected == pytest.approx(0, abs=1e-6)


def test_expected_calibration_error_replicates_match_repeated_rows():
    y, p = calibrated(200, share=0.6, seed=3)
    order = np.random.default_rng(0).permutation(200)
    y, p, group = y[order], p[order], np.arange(200) // 4
    index = equal_mass_bins(p)
    values = []
    number = np.unique(group.astype(str), return_inverse=True)[1]  # groups are numbered in the order of their texts
    for counts in draw_counts(50, 40, np.random.default_rng(7)):
        rows = np.repeat(np.arange(200), counts[number].astype(int))
        weight = balanced_weights(y[rows])
        parts = [np.sum((weight * (y[rows] - p[rows]))[index[rows] == i]) for i in range(10)]
        values.append(np.abs(parts).sum())
    error = error_of(y, p, group, replicates=40, seed=7)
    assert (error.low, error.high) == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])))
    named = error_of(y, p, np.char.add("person ", group.astype(str)), replicates=500)
    assert (named.low, named.high) == pytest.approx((error.low, error.high), rel=0.25)


def test_expected_calibration_error_groups_copies():
    y, p = calibrated(200, seed=5)
    single = error_of(y, p, np.arange(200))
    copies = error_of(np.repeat(y, 6), np.repeat(p, 6), np.repeat(np.arange(200), 6))
    assert (copies.low, copies.high) == pytest.approx((single.low, single.high), abs=0.01)
    assert copies.expected == pytest.approx(single.expected, rel=0.15)
    alone = error_of(np.repeat(y, 6), np.repeat(p, 6))
    assert alone.high - alone.low < 0.7 * (copies.high - copies.low) and alone.expected < 0.6 * copies.expected


def test_equal_mass_bins_sizes_and_ties():
    p = np.random.default_rng(0).random(1000)
    index = equal_mass_bins(p)
    assert np.bincount(index).tolist() == [100] * 10
    assert (np.diff(index[np.argsort(p)]) >= 0).all()
    tied = equal_mass_bins(np.array([0.0] * 6 + [1.0] * 4))
    assert tied.tolist() == [0] * 6 + [1] * 4  # saturated networks give nothing else
    assert equal_mass_bins(np.full(5, 0.3)).tolist() == [0] * 5
    assert equal_mass_bins(np.empty(0)).tolist() == []
    assert len(np.unique(equal_mass_bins(np.array([0.1, 0.5, 0.9])))) == 3


def test_calibration_figure_shows_the_same_bins():
    y, p = calibrated(500, share=0.8, seed=1)
    p = p**2
    points = calibration(y, p).data[1]
    index, weight = equal_mass_bins(p), balanced_weights(y)
    total = np.bincount(index, weight)
    assert list(points.customdata) == np.bincount(index).tolist()
    distance = np.abs(np.array(points.x) - np.array(points.y))
    assert total @ distance == pytest.approx(error_of(y, p, replicates=0).value)


@pytest.mark.filterwarnings("error")
def test_expected_calibration_error_undefined():
    y, p = calibrated(200)
    gaps = p.copy()
    gaps[::3] = np.nan
    keep = ~np.isnan(gaps)
    assert error_of(y, gaps, np.arange(200)) == error_of(y[keep], p[keep], np.arange(200)[keep])
    assert error_of(y, gaps).n == keep.sum()
    single_class = error_of(np.ones(30), np.full(30, 0.8))
    assert np.isnan(single_class.value) and single_class.n == 30
    assert json.loads(json.dumps(single_class.to_dict(), allow_nan=False)) == {
        "value": None, "low": None, "high": None, "expected": None, "n": 30,
    }  # fmt: skip
    assert error_of(np.ones(30), np.full(30, 0.8), balanced=False).value == pytest.approx(0.2)
    assert error_of([], []).n == 0
