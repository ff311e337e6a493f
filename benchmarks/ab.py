"""What `aletheia ab status` promotes when nothing is better, and how many labels it takes when something is.

Sequences of labelled disagreements are drawn and looked at after every one, up to 1,000. Beside the anytime-valid test
stands the usual one (a two-sided exact sign test at the same error), looked at as often. The shares of the former are
also computed exactly, without drawing. Nothing depends on the speed of the machine.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

from aletheia.core.arrays import Array
from aletheia.stats.anytime_sign_test import ANSWERS, BETTER, EQUIVALENT, WORSE, AnytimeSignTest

PAIRS = 1000
#: Shares of the disagreements that the challenger wins.
SHARES = (0.5, 0.55, 0.6, 0.7, 0.4)
_SEED = 5


def naive_bounds(pairs: int, alpha: float) -> Array:
    """Return the fewest wins (pairs,) at which a two-sided exact sign test finds the challenger better."""
    return np.asarray(stats.binom.isf(alpha / 2, np.arange(1, pairs + 1), 0.5), dtype=int) + 1


def simulate(test: AnytimeSignTest, share: float, trials: int, rng: np.random.Generator) -> dict[str, float]:
    """Draw sequences; the shares of each answer, the median of the pairs, and what the usual test promotes."""
    won = np.cumsum(rng.random((trials, PAIRS)) < share, axis=1)
    certain = test.bounds(PAIRS).reached(won)  # (3, trials, pairs)
    first = np.where(certain.any(axis=(0, 2)), certain.any(axis=0).argmax(axis=1), PAIRS)
    reached = first < PAIRS
    result = {
        answer: float((certain[row, np.arange(trials), np.minimum(first, PAIRS - 1)] & reached).mean())
        for row, answer in enumerate(ANSWERS)
    }
    pairs = np.arange(1, PAIRS + 1)
    better, worse = won >= naive_bounds(PAIRS, test.alpha), pairs - won >= naive_bounds(PAIRS, test.alpha)
    when = [np.where(side.any(axis=1), side.argmax(axis=1), PAIRS) for side in (better, worse)]
    result["naive"] = float((when[0] < when[1]).mean())
    result["median"] = float(np.median(first + 1)) if reached.mean() >= 0.5 else float("inf")
    return result


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 when a limit is exceeded or drawn and exact shares disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000, help="sequences a line")
    options = parser.parse_args(arguments)
    test, rng, right = AnytimeSignTest(), np.random.default_rng(_SEED), True
    table = Table(
        "challenger wins",
        "promoted",
        "exact",
        "champion better",
        "no difference",
        "labels: median",
        "usual test promotes",
    )
    for share in SHARES:
        drawn, exact = simulate(test, share, options.trials, rng), test.operating_characteristics(share, PAIRS)
        expected = exact.probability[BETTER]
        error = 5 * np.sqrt(max(expected * (1 - expected), 1e-4) / options.trials)
        right &= bool(abs(drawn[BETTER] - expected) <= error)
        if share <= 0.5:
            right &= expected <= test.alpha / 2
        cells = [drawn[BETTER], expected, drawn[WORSE], drawn[EQUIVALENT]]
        table.add_row(
            f"{share:.0%}", *(f"{cell:.2%}" for cell in cells), f"{drawn['median']:.0f}", f"{drawn['naive']:.1%}"
        )
    Console(width=120).print(table)
    print(f"error {test.alpha}, minimum effect {test.effect}, {options.trials:,} sequences of at most {PAIRS:,} labels")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
