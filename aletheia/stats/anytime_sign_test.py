"""A sign test that may be looked at after every pair: which of two is the better one where they differ.

Of each pair that differs one counts who did better; θ is the probability that it is the second. Whoever looks at a
usual test after every pair and stops when it pays finds a difference that is not there far more often than stated. An
e-process does not have this fault: a statistic that is at least 0 and on average at most 1 under the null hypothesis,
at every moment however it is chosen, so that it ever reaches 1/α with a probability of at most α (Ville, "Étude
critique de la notion de collectif", 1939; Robbins, "Statistical methods related to the law of the iterated logarithm",
Annals of Mathematical Statistics 41, 1970; Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric,
nonasymptotic confidence sequences", Annals of Statistics 49, 2021; Grünwald, de Heide and Koolen, "Safe testing",
JRSS B 86, 2024).

Here it is the likelihood ratio of a beta-binomial mixture. Against "θ ≤ b" stand the values above b, weighted by a
beta distribution that is cut off there. For one of them, θ', and a true θ, the ratio of the next pair is on average
θ·θ'/b + (1 − θ)·(1 − θ')/(1 − b), which is 1 for θ = b and grows with θ since θ' > b: at most 1 for every θ ≤ b. A mean
over θ' with fixed weights keeps that.

Three answers are possible, each by e-processes of its own:

- the second is better: against θ ≤ 1/2, with α/2;
- the first is better: against θ ≥ 1/2, with α/2;
- no difference beyond `effect`: against θ ≥ 1/2 + effect and against θ ≤ 1/2 − effect, both with α.

With θ = 1/2 one of the first two is given with a probability of at most α; with |θ − 1/2| ≥ effect the third is given
with one of at most α, since one of its two hypotheses is true then. What it needs is that each pair, whatever came
before, has the same θ, or one on the same side of the bound: pairs must not be chosen by how they came out.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from aletheia.core.arrays import Array

BETTER, WORSE, EQUIVALENT, OPEN = "better", "worse", "equivalent", "open"
#: In the order of `operating_characteristics`.
ANSWERS = (BETTER, WORSE, EQUIVALENT)
#: Weighs shares near one half more; fewer pairs decide between 55 and 75 wins of 100 than with 1.
PRIOR = 2.0
#: Pairs after which a forecast gives up.
HORIZON = 10_000


class Decision(NamedTuple):
    """What a sequence of pairs says.

    Attributes
    ----------
    answer : {'better', 'worse', 'equivalent', 'open'}
        Of the second compared with the first.
    pairs : int
        After how many pairs that was certain; of an open one all there are.
    """

    answer: str
    pairs: int


class Bounds(NamedTuple):
    """Wins of the second from which on, or up to which, an answer is given after 1, 2, … pairs: (n,) int each.

    Attributes
    ----------
    better : ndarray
        At least so many; more than there are pairs where it cannot be said yet.
    worse : ndarray
        At most so many; −1 where it cannot.
    similar_from, similar_to : ndarray
        From the first to the second, both included; nothing where the first is the larger.
    """

    better: Array
    worse: Array
    similar_from: Array
    similar_to: Array

    def reached(self, wins: Array) -> Array:
        """Tell which of `ANSWERS` are given by wins (n,) after as many pairs each as the limits are of: (3, n) bool."""
        similar = (wins >= self.similar_from) & (wins <= self.similar_to)
        return np.array([wins >= self.better, wins <= self.worse, similar])


class Characteristics(NamedTuple):
    """What a test does for a true θ.

    Attributes
    ----------
    probability : dict of str to float
        Of each of `ANSWERS` within the pairs that were looked at.
    median : float
        Pairs until half of all sequences have their answer, whichever it is; infinity if they have not by then.
    """

    probability: dict[str, float]
    median: float


def log_e_value(wins: Array | int, losses: Array | int, bound: Array | float, prior: float = PRIOR) -> Array:
    """Compute the logarithm of the e-value against "wins come with a probability of at most `bound`".

    For "at least b" ask with wins and losses exchanged and the bound 1 − b.

    Parameters
    ----------
    wins, losses : int or ndarray of int
        0 or more; broadcast against each other.
    bound : float or ndarray
        Above 0 and below 1.
    prior : float
        Both parameters of the beta distribution by which the values above the bound are weighted, above 0.
    """
    w, m = np.asarray(wins, dtype=float), np.asarray(losses, dtype=float)
    with np.errstate(divide="ignore"):  # a share of 0 is evidence of 0
        above = np.log(special.betaincc(prior + w, prior + m, bound)) - np.log(special.betaincc(prior, prior, bound))
    ratio = special.betaln(prior + w, prior + m) - special.betaln(prior, prior)
    result: Array = ratio + above - w * np.log(bound) - m * np.log1p(-np.asarray(bound))
    return result


@dataclasses.dataclass(frozen=True)
class AnytimeSignTest:
    """A test that may be looked at after every pair, see the module.

    Parameters
    ----------
    alpha : float
        The error, above 0 and below 1.
    effect : float
        How far from one half the share of wins must be to matter, above 0 and below 1/2.
    prior : float
        See `log_e_value`.

    Raises
    ------
    ValueError
        For a value out of range.
    """

    alpha: float = 0.05
    effect: float = 0.1
    prior: float = PRIOR

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is {self.alpha}; it must be above 0 and below 1")
        if not 0 < self.effect < 0.5:
            raise ValueError(f"the effect is {self.effect}; it must be above 0 and below 0.5")
        if not self.prior > 0:
            raise ValueError(f"the prior is {self.prior}; it must be above 0")

    def e_values(self, wins: int, losses: int) -> dict[str, float]:
        """Return the evidence for each answer after so many wins and losses of the second, over what is wanted.

        1 or more gives the answer.
        """
        logs = self._log_excess(wins, losses)
        return {answer: math.exp(min(float(log), 700.0)) for answer, log in zip(ANSWERS, logs, strict=True)}

    def decide(self, wins: Array) -> Decision:
        """Say what a sequence of pairs (n,) bool, True where the second did better, says, and since which pair.

        The first answer that was certain stays, whatever came after.
        """
        won = np.cumsum(np.asarray(wins, dtype=bool))
        if not len(won):
            return Decision(OPEN, 0)
        certain = self.bounds(len(won)).reached(won)
        if not certain.any():
            return Decision(OPEN, len(won))
        first = int(certain.any(axis=0).argmax())
        return Decision(ANSWERS[int(certain[:, first].argmax())], first + 1)

    def interval(self, wins: int, losses: int) -> tuple[float, float]:
        """Return the values of θ that are not refuted: a confidence sequence, with 1 − α for all moments together."""
        if not wins + losses:
            return 0.0, 1.0
        ratio = special.betaln(self.prior + wins, self.prior + losses) - special.betaln(self.prior, self.prior)

        def excess(theta: float) -> float:
            return float(ratio - special.xlogy(wins, theta) - special.xlog1py(losses, -theta) + math.log(self.alpha))

        share, edge = wins / (wins + losses), 1e-12
        low = 0.0 if not wins or excess(edge) < 0 else float(optimize.brentq(excess, edge, share))
        high = 1.0 if not losses or excess(1 - edge) < 0 else float(optimize.brentq(excess, share, 1 - edge))
        return low, high

    def bounds(self, pairs: int) -> Bounds:
        """Return the wins that give an answer after 1 to `pairs` pairs."""
        return _bounds(self, pairs)

    def operating_characteristics(self, theta: float, pairs: int, *, wins: int = 0, losses: int = 0) -> Characteristics:
        """Compute what the test does when the second wins with a probability of θ: exactly, without drawing.

        Parameters
        ----------
        theta : float
            0 to 1.
        pairs : int
            Looks, one after each pair.
        wins, losses : int
            Pairs that have come already, without an answer; they do not count among `pairs`.
        """
        limits = self.bounds(wins + losses + pairs)
        chance = np.zeros(wins + pairs + 2)
        chance[wins] = 1.0
        counts, done = np.arange(len(chance)), dict.fromkeys(ANSWERS, 0.0)
        median = math.inf
        for n in range(wins + losses, wins + losses + pairs):
            chance[1:] = theta * chance[:-1] + (1 - theta) * chance[1:]
            chance[0] *= 1 - theta
            ended = Bounds(*(limit[n] for limit in limits)).reached(counts)
            for answer, where in zip(ANSWERS, ended, strict=True):
                done[answer] += float(chance[where].sum())
                chance[where] = 0.0
            if math.isinf(median) and sum(done.values()) >= 0.5:
                median = n + 1 - wins - losses
        return Characteristics(done, median)

    def pairs_wanted(self, theta: float, *, wins: int = 0, losses: int = 0, horizon: int = HORIZON) -> float:
        """Return how many more pairs give an answer with a probability of one half; infinity beyond the horizon."""
        pairs = 256
        while True:
            median = self.operating_characteristics(theta, min(pairs, horizon), wins=wins, losses=losses).median
            if math.isfinite(median) or pairs >= horizon:
                return median
            pairs *= 4

    def _log_excess(self, wins: Array | int, losses: Array | int) -> tuple[Array, Array, Array]:
        """Return the logarithms of the e-values over what is wanted of them, for `ANSWERS`."""
        wanted_direction, wanted_similar, far = math.log(2 / self.alpha), math.log(1 / self.alpha), 0.5 - self.effect
        up, down = log_e_value(wins, losses, 0.5, self.prior), log_e_value(losses, wins, 0.5, self.prior)
        below, above = log_e_value(losses, wins, far, self.prior), log_e_value(wins, losses, far, self.prior)
        return up - wanted_direction, down - wanted_direction, np.minimum(below, above) - wanted_similar


@functools.lru_cache(maxsize=8)
def _bounds(test: AnytimeSignTest, pairs: int) -> Bounds:
    n = np.arange(1, pairs + 1)
    half = _least_wins(n, 0.5, test.prior, math.log(2 / test.alpha))
    near = _least_wins(n, 0.5 - test.effect, test.prior, math.log(1 / test.alpha))
    return Bounds(half, n - half, near, n - near)


def _least_wins(pairs: Array, bound: float, prior: float, wanted: float) -> Array:
    """Return the fewest wins whose e-value against "at most `bound`" is as large as wanted; one more than all if none.

    It grows with the wins, so that halving the range finds them.
    """
    low, high = np.zeros_like(pairs), pairs + 1
    while (low < high).any():
        middle = np.minimum((low + high) // 2, pairs)
        enough = log_e_value(middle, pairs - middle, bound, prior) >= wanted
        high = np.where((low < high) & enough, middle, high)
        low = np.where((low < high) & ~enough, middle + 1, low)
    return high
