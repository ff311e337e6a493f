"""The test that an AUC has not lost more than a margin; its level is simulated by `benchmarks.gate`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import t as student

from aletheia.stats.clustered_auc import auc_difference, clustered_auc
from aletheia.stats.noninferiority import logit_error, loss_p


@pytest.fixture(scope="module")
def aucs():
    """Two models of one true AUC on 30 groups of 10 rows."""
    rng = np.random.default_rng(3)
    groups, fake = np.repeat(np.arange(30), 10), np.tile([0, 0, 1, 1, 1], 60)
    common = rng.normal(size=300) + rng.normal(size=30)[groups]
    return [clustered_auc(fake, common + rng.normal(size=300) + 2 * fake, groups) for _ in range(2)]


def test_the_error_is_that_of_the_difference_over_the_slope(aucs):
    """Of two AUCs that are nearly alike, the logits differ by the difference over A (1 - A)."""
    first, second = aucs
    plain, slope = auc_difference(first, second).standard_error, first.value * (1 - first.value)
    assert logit_error(first, second) == pytest.approx(plain / slope, rel=0.15)
    assert logit_error(first, second) == logit_error(second, first)


def test_the_error_is_that_of_drawn_groups(aucs):
    """A jackknife over groups, which knows nothing of influences."""
    rng = np.random.default_rng(5)
    groups, fake = np.repeat(np.arange(40), 10), np.tile([0, 0, 1, 1, 1], 80)
    scores = [rng.normal(size=400) + rng.normal(size=40)[groups] + 2 * fake for _ in range(2)]

    def gap(rows):
        values = [clustered_auc(fake[rows], score[rows], groups[rows]) for score in scores]
        return logit(values[0].value) - logit(values[1].value)

    left = np.array([gap(groups != k) for k in range(40)])
    jackknife = np.sqrt(39 / 40 * np.sum((left - left.mean()) ** 2))
    both = [clustered_auc(fake, score, groups) for score in scores]
    assert logit_error(*both) == pytest.approx(jackknife, rel=0.1)


def test_loss_p_takes_the_margin_at_the_other_auc():
    assert loss_p(0.93, 0.95, 0.2, 20, 0.02) == pytest.approx(0.5)
    expected = student.sf((logit(0.95) - logit(0.93)) / 0.2, 20)
    assert loss_p(0.95, 0.95, 0.2, 20, 0.02) == pytest.approx(expected)
    assert loss_p(0.96, 0.95, 0.2, 20, 0.02) < expected < loss_p(0.96, 0.95, 0.2, 20, 0.001)


def test_loss_p_at_the_ends_of_the_scale():
    assert loss_p(1.0, 0.99, 0.1, 20, 0.02) == 0 and loss_p(0.0, 0.5, 0.1, 20, 0.02) == 1
    assert loss_p(0.5, 0.01, 0.1, 20, 0.02) == 0  # there is nothing to lose
    assert loss_p(0.97, 1.0, 0.1, 20, 0.02) > 0.5 > loss_p(0.995, 1.0, 0.1, 20, 0.02)
    assert loss_p(0.9, 0.9, 0.0, 20, 0.02) == 0 and loss_p(0.8, 0.9, 0.0, 20, 0.02) == 1
    assert math.isnan(loss_p(0.9, 0.9, math.nan, 20, 0.02))


def test_one_group_has_no_error():
    fake = np.array([0, 1, 0, 1])
    one = clustered_auc(fake, np.array([0.1, 0.9, 0.8, 0.3]), np.zeros(4))
    assert math.isnan(logit_error(one, one))
