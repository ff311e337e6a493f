"""Whether the planned data set can be split, decided before any picture of it is drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pandas as pd

from aletheia.core.errors import InputError
from aletheia.datasets.split import split_manifest
from aletheia.datasets.synthetic.plan import planned_rows

#: From so many pictures on there are people enough for any split that the options allow.
ENOUGH = 3000
_STEP = 20  # pictures of one circle of people


def check_plan(n: int, seed: int, fractions: Sequence[float]) -> None:
    """Split the plan of a data set as its pictures would be.

    Parameters
    ----------
    n, seed : int
        Of the data set.
    fractions : sequence of float
        Shares of train, val and test.

    Raises
    ------
    InputError
        When the pictures are too few; with a number that suffices.
    """
    if n >= ENOUGH or _splits(n, seed, fractions):
        return
    enough = next((m for m in range(n + _STEP, ENOUGH, _STEP) if _splits(m, seed, fractions)), ENOUGH)
    shares = ", ".join(f"{share:.0%}" for share in fractions)
    raise InputError(
        f"n_synthetic: {n} pictures show too few people to split into {shares} without a person on two sides; "
        f"take {enough}."
    )


def _splits(n: int, seed: int, fractions: Sequence[float]) -> bool:
    rows = pd.DataFrame([dataclasses.asdict(row) for row in planned_rows(n, seed)])
    try:
        split_manifest(rows, fractions, seed)
    except InputError:
        return False
    return True
