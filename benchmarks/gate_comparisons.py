"""How often the gate prefers a model to the one in production, by simulated test sets: several tries, and no loss."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from rich.table import Table
from scipy.optimize import brentq
from scipy.stats import norm

from aletheia.core.arrays import Array
from aletheia.release.checks.production import ALPHA, MOST_LOST
from aletheia.stats.clustered_auc import ClusteredAuc, auc_difference, clustered_auc
from aletheia.stats.noninferiority import logit_error, loss_p
from aletheia.stats.repeated_tries import spent_alpha
from benchmarks.gate_rows import WITHIN, draw_score, rows

TRIES = (1, 5, 10, 20)
SHARED = 0.5  # of the variance of the scores of two models on the same rows
#: Change of the AUC from that of the model in production; the first is the margin itself.
CHANGES = (-MOST_LOST, -0.01, 0.0, 0.01)


#: Groups, AUC in production, and variance in common, of the lines of the table.
LINES = tuple((groups, auc, shared) for groups in (11, 44) for auc in (0.8, 0.95, 0.98) for shared in (0.5, 0.9))


class Lost(NamedTuple):
    """Models compared with one in production.

    Attributes
    ----------
    groups : int
        Groups of two people in the test set.
    auc : float
        Of the model in production.
    shared : float
        Share of the variance of the scores that two models have in common.
    no_worse : tuple of float
        Share of the models that pass as no worse, for each of `CHANGES`.
    """

    groups: int
    auc: float
    shared: float
    no_worse: tuple[float, ...]


def shift_of(auc: float, groups: int) -> float:
    """Return by how much fakes have to score higher than genuine faces for test sets whose mean AUC is `auc`.

    A pair within a group shares the group's noise, so that it is ranked rightly more often than others.
    """

    def expected(shift: float) -> float:
        across, within = norm.cdf(shift / np.sqrt(2)), norm.cdf(shift / np.sqrt(2 * (1 - WITHIN)))
        return float(across + (within - across) / groups)

    return float(brentq(lambda shift: expected(shift) - auc, 0, 10))


class TestSet:
    """Rows of a simulated test set, and what the scores of all models have in common on it."""

    __test__ = False

    def __init__(self, groups: int, rng: np.random.Generator) -> None:
        frame = rows(groups, rng)
        self.fake, self.groups = (frame["label"] == "fake").to_numpy(), frame["group"].to_numpy()
        self._rng, self._common = rng, draw_score(self.fake, self.groups, 0.5, rng)

    def noise(self, shared: float) -> Array:
        """Draw a model's scores without what it knows of the label; all models have the share `shared` in common."""
        own = draw_score(self.fake, self.groups, 0.5, self._rng)
        return np.asarray(np.sqrt(shared) * self._common + np.sqrt(1 - shared) * own)

    def auc(self, noise: Array, shift: float) -> ClusteredAuc:
        """Compute the AUC of a model whose fakes score higher by `shift`."""
        return clustered_auc(self.fake, noise + shift * self.fake, self.groups)


def repeated(trials: int, pairs: int) -> tuple[Table, float]:
    """Simulate tries of models that are all as good as the one in production: how often one of them is promoted."""
    table = Table("tries", "promoted, each at .025", "promoted, level spent", "best AUC above the truth", title="Tries")
    most, truth = 0.0, 0.95
    rng, results, shift = np.random.default_rng(pairs), [], np.sqrt(2) * norm.ppf(truth)
    for _ in range(trials):
        drawn = TestSet(pairs, rng)
        current = drawn.auc(drawn.noise(SHARED), shift)
        tried = [drawn.auc(drawn.noise(SHARED), shift) for _ in range(max(TRIES))]
        results.append([(auc_difference(one, current).p_value(), one.value) for one in tried])
    p, aucs = np.moveaxis(np.array(results), 2, 0)
    levels = np.array([spent_alpha(ALPHA, k) for k in range(1, max(TRIES) + 1)])
    for count in TRIES:
        spent = float((p < levels)[:, :count].any(axis=1).mean())
        each = float((p < 0.025)[:, :count].any(axis=1).mean())
        table.add_row(str(count), f"{each:.1%}", f"{spent:.1%}", f"{aucs[:, :count].max(axis=1).mean() - truth:+.4f}")
        most = max(most, spent)
    return table, most


def simulate_loss(trials: int, groups: int, auc: float, shared: float) -> Lost:
    """Simulate the test that a model has not lost more than `MOST_LOST`, for true changes of the AUC."""
    rng, passed = np.random.default_rng(groups), np.zeros(len(CHANGES))
    shifts = [shift_of(auc + change, groups) for change in CHANGES]
    for _ in range(trials):
        drawn = TestSet(groups, rng)
        current, noise = drawn.auc(drawn.noise(shared), shift_of(auc, groups)), drawn.noise(shared)
        tried = [drawn.auc(noise, shift) for shift in shifts]
        passed += [no_loss_p(one, current) < ALPHA for one in tried]
    return Lost(groups, auc, shared, tuple(passed / trials))


def no_loss_p(tried: ClusteredAuc, current: ClusteredAuc) -> float:
    """Test that a model has not lost more than the margin, as the gate does."""
    df = min(tried.df, current.df)
    return loss_p(tried.value, current.value, logit_error(tried, current), df, MOST_LOST)


def lost_table(found: list[Lost]) -> Table:
    """List how often models pass as no worse."""
    heads = [f"no worse: {change:+.2f}" for change in CHANGES]
    table = Table("groups", "AUC in production", "variance in common", *heads, title="Not lost more than a margin")
    for line in found:
        shares = [f"{share:.1%}" for share in line.no_worse]
        table.add_row(str(line.groups), f"{line.auc:.2f}", f"{line.shared:.0%}", *shares)
    return table
