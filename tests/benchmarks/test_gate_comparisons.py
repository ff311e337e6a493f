"""What `benchmarks.gate` asks of the comparison with the model in production, on few simulated test sets."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.gate_comparisons import CHANGES, MOST_LOST, TestSet, lost_table, shift_of, simulate_loss


@pytest.mark.parametrize(("auc", "groups"), [(0.93, 11), (0.8, 4)])
def test_drawn_models_have_the_auc_on_average(auc, groups):
    rng, shift = np.random.default_rng(1), shift_of(auc, groups)
    drawn = [TestSet(groups, rng) for _ in range(400)]
    values = [one.auc(one.noise(0.5), shift).value for one in drawn]
    assert np.mean(values) == pytest.approx(auc, abs=4 * np.std(values) / np.sqrt(len(values)))


def test_models_have_so_much_of_the_variance_in_common():
    drawn = TestSet(400, np.random.default_rng(2))
    assert np.corrcoef(drawn.noise(0.9), drawn.noise(0.9))[0, 1] == pytest.approx(0.9, abs=0.02)


def test_loss_of_the_margin_seldom_passes_and_a_gain_often():
    """At AUC .98 the plain difference passed in one of eight."""
    found = simulate_loss(150, 11, 0.98, 0.9)
    assert CHANGES[0] == -MOST_LOST and found.no_worse[0] < 0.11 and found.no_worse[-1] > 0.9
    assert list(found.no_worse) == sorted(found.no_worse)
    assert lost_table([found]).row_count == 1
