"""Simulated level and power of the tests for bias in a data set, beside tests that count rows as independent.

Each person has a share of fakes of their own (beta distribution, correlation within a person: .3) and one value of a
column that has nothing to do with it; in the last lines one value has .3 more fakes. Printed is in how many simulated
data sets p < .05, and in how many of them any group is found to have more or fewer fakes. Nothing depends on the speed
of the machine.
"""

from __future__ import annotations

import argparse
import sys
from typing import NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy.stats import chi2_contingency

from aletheia.core.arrays import Array
from aletheia.datasets.bias import LEVEL, analyse_bias

WITHIN = 0.3
#: Most of the data sets without an effect in which a test may find one.
LIMIT = 0.08


class Design(NamedTuple):
    """A kind of data set: people, pictures of each (0: unequal, 5 to 500), values of the column, effect."""

    people: int
    pictures: int
    values: int
    effect: float = 0.0


DESIGNS = [
    Design(10, 10, 2),
    Design(40, 50, 2),
    Design(40, 50, 5),
    Design(60, 0, 2),
    Design(60, 0, 5),
    Design(200, 10, 5),
    Design(40, 50, 2, 0.3),
    Design(200, 10, 2, 0.3),
]


def draw(design: Design, rng: np.random.Generator) -> pd.DataFrame:
    """Draw a manifest: label, identity and gender."""
    sizes = np.full(design.people, design.pictures)
    if not design.pictures:
        sizes = np.clip(5 * (1 + rng.pareto(1.2, design.people)), 5, 500).astype(int)
    value = rng.permutation(np.arange(design.people) % design.values)
    spread = 0.5 * (1 - WITHIN) / WITHIN
    share = np.clip(rng.beta(spread, spread, design.people) + design.effect * (value == 0), 0, 1)
    person = np.repeat(np.arange(design.people), sizes)
    fake = rng.random(len(person)) < share[person]
    return pd.DataFrame(
        {
            "path": [f"{i}.png" for i in range(len(person))],
            "label": np.where(fake, "fake", "real"),
            "identity": [f"p{i}" for i in person],
            "gender": [f"g{i}" for i in value[person]],
        }
    )


def simulate(design: Design, trials: int) -> Array:
    """Return the shares (3,) of data sets with p < .05: rows as independent, people as such; and with a group found."""
    rng, found = np.random.default_rng(design.people + design.values), []
    for _ in range(trials):
        frame = draw(design, rng)
        report = analyse_bias(frame, ["gender"])
        plain = chi2_contingency(pd.crosstab(frame["gender"], frame["label"]), correction=False).pvalue
        groups = report.rates["verdict"].isin(["more fakes", "fewer fakes"]).any()
        found.append((plain < LEVEL, report.associations["p"].iloc[0] < LEVEL, groups))
    shares: Array = np.mean(found, axis=0)
    return shares


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="simulated data sets a line")
    options = parser.parse_args()
    table = Table(
        "people", "pictures of each", "values", "effect", "rows independent", "Rao and Scott", "a group found"
    )
    table.title = "Bias: p < .05 in how many data sets"
    worst = 0.0
    for design in DESIGNS:
        shares = simulate(design, options.trials)
        pictures = str(design.pictures or "5 to 500")
        values = (str(design.people), pictures, str(design.values), f"{design.effect:g}")
        table.add_row(*values, *(f"{share:.1%}" for share in shares))
        if not design.effect:
            worst = max(worst, *shares[1:])
    Console(width=120).print(table)
    print(f"Limit: without an effect in at most {LIMIT:.0%}: {'kept' if worst <= LIMIT else 'MISSED'}.")
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
