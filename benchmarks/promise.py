"""How often the check of the abstention refuses an honest model, and how often one whose promise is broken.

Conformal limits are set on validation people and judged on as many test people, for both classes. A broken model meets
test faces on which limits that cover .90 cover .70. Beside the check stands the rule that ignores that limits of few
people scatter: the interval of the coverage lies below the promise. Nothing depends on the speed of the machine.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import norm

from aletheia.core.arrays import Array
from aletheia.stats.conformal_coverage import LEVEL, conformal_rank, held_rows, judge_promise, promise_p_value
from aletheia.stats.intervals import clustered_rate

ALPHA = 0.1
#: Validation people, and what each has: least and most pictures of a class, correlation within a person.
PEOPLE = (11, 24, 70, 200)
PICTURES = ((1, 1, 0.0), (5, 15, 0.3), (2, 40, 0.3), (5, 15, 0.64))
BROKEN = float(norm.ppf(1 - ALPHA) - norm.ppf(0.7))
#: Most honest models that are refused, with what chance adds, and least broken ones that are, of ten pictures and more.
LIMITS = (0.07, 0.9)


def draw(people: int, least: int, most: int, within: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw scores of faces, normal with variance 1, and the person of each."""
    groups = np.repeat(np.arange(people), rng.integers(least, most + 1, people))
    own = rng.normal(0, np.sqrt(within), people)[groups]
    return own + rng.normal(0, np.sqrt(1 - within), len(groups)), groups


def refusals(people: int, pictures: tuple[int, int, float], rng: np.random.Generator) -> tuple[Array, Array]:
    """Simulate both classes of one model.

    Returns
    -------
    refused : ndarray
        (2, 2) bool: honest by the check and by the interval, broken likewise.
    unjudged : ndarray
        (2,) bool: honest and broken, not refused by the check, but not shown to keep the promise.
    """
    out, unjudged = np.zeros((2, 2), dtype=bool), np.zeros(2, dtype=bool)
    for _ in range(2):
        val, groups = draw(people, *pictures, rng)
        rank = conformal_rank(len(val), ALPHA)
        limit = np.sort(val)[rank - 1] if rank <= len(val) else np.inf
        held = held_rows(val, groups, ALPHA)
        limits_from = float("nan") if held is None else sum(held)
        test, ids = draw(people, *pictures, rng)
        for row, shift in enumerate((0.0, BROKEN)):
            hits = test + shift <= limit
            p = promise_p_value(hits, ids, 1 - ALPHA, held)
            kept, _ = judge_promise(float(hits.mean()), 1 - ALPHA, p, limits_from=limits_from, groups=people)
            out[row, 0] |= kept is False
            unjudged[row] |= kept is None
            out[row, 1] |= clustered_rate(hits, ids).high < 1 - ALPHA
    return out, unjudged & ~out[:, 0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="simulated models a line")
    options = parser.parse_args()
    table = Table(
        "people",
        "pictures of each",
        "correlation",
        "honest refused",
        "by the interval",
        "broken refused",
        "interval",
        "honest not judged",
        "broken not judged",
    )
    table.title = "The check of the abstention's promise"
    honest, broken = [], []
    for people in PEOPLE:
        for least, most, within in PICTURES:
            rng = np.random.default_rng([people, most])
            found = [refusals(people, (least, most, within), rng) for _ in range(options.trials)]
            shares = np.mean([refused for refused, _ in found], axis=0).ravel()
            shares = [*shares, *np.mean([unjudged for _, unjudged in found], axis=0)]
            pictures = f"{least}" if least == most else f"{least} to {most}"
            table.add_row(str(people), pictures, f"{within:g}", *(f"{share:.1%}" for share in shares))
            honest.append(shares[0])
            if people >= 70:
                broken.append(shares[2])
    Console(width=160).print(table)
    most_honest, least_broken = LIMITS
    good = max(honest) <= most_honest and min(broken) >= least_broken
    print(
        f"Limits: honest models are refused in at most {most_honest:.0%} (the level is {2 * LEVEL:.0%}), broken ones in"
    )
    print(f"at least {least_broken:.0%} from 70 people on: {'kept' if good else 'MISSED'}.")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
