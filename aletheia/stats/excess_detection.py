"""Detection of more going wrong than is expected, in a stream that is looked at for ever, with few false alarms.

The e-detector of `aletheia.stats.change_detection` (Shin, Ramdas and Rinaldo, NEJSDS 2, 2024), with other bets:
likelihood ratios.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aletheia.core.arrays import Array

_LEAST_CHANCE = 0.005  # no evaluation has shown that less than this goes wrong
#: By how much more often than expected things go wrong, in the alternatives that `detect_excess` bets on.
EXCESSES = (0.05, 0.1, 0.2, 0.4)


class Excess(NamedTuple):
    """An alarm of `detect_excess`.

    Attributes
    ----------
    at : int
        Index of the outcome with which it was raised.
    since : int
        Index of the outcome from which on the winning bet has been paying.
    """

    at: int
    since: int


def detect_excess(wrong: Array, expected: Array, run_length: float) -> list[Excess]:
    """Find the moments at which more goes wrong than expected; after each the search starts anew.

    The bets are likelihood ratios of outcomes whose chance of going wrong is larger than expected by one of `EXCESSES`.
    As long as none of the true chances is above what is expected, whatever they are, a ratio is worth at most 1 on
    average, and the e-detector of `aletheia.stats.change_detection` applies: the mean number of outcomes between two
    false alarms is at least `run_length`, however often one looks.

    Parameters
    ----------
    wrong : ndarray
        (n,) bool, in order of time.
    expected : ndarray
        (n,) float in [0, 1], the chance of each outcome to be wrong, known before it is.
    run_length : float
        Outcomes.

    Returns
    -------
    list of Excess
        In order of time.

    Raises
    ------
    ValueError
        When the two differ in length, or a chance is not in [0, 1].
    """
    wrong, chance = np.asarray(wrong, dtype=bool), np.asarray(expected, dtype=float)
    if wrong.shape != chance.shape or wrong.ndim != 1:
        raise ValueError("outcomes and chances differ in length")
    if not ((chance >= 0) & (chance <= 1)).all():
        raise ValueError("a chance is not in [0, 1]")
    chance = np.clip(chance, _LEAST_CHANCE, 1 - _LEAST_CHANCE)[:, None]
    worse = np.minimum(chance + np.array(EXCESSES), 1 - _LEAST_CHANCE / 2)
    payoffs = np.where(wrong[:, None], worse / chance, (1 - worse) / (1 - chance))
    alarms, wealth, gains = [], np.zeros(len(EXCESSES)), np.zeros(len(EXCESSES))
    began = np.zeros(len(EXCESSES), dtype=int)
    for row, payoff in enumerate(payoffs):
        began[gains <= 0] = row
        gains = np.maximum(gains, 0) + np.log(payoff)
        wealth = (wealth + 1) * payoff
        if wealth.mean() >= run_length:
            alarms.append(Excess(row, int(began[wealth.argmax()])))
            wealth, gains = np.zeros(len(EXCESSES)), np.zeros(len(EXCESSES))
    return alarms
