"""Rows and scores of simulated test sets, for what `benchmarks.gate` asks of the gate."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from aletheia.core.arrays import Array

WITHIN = 0.3  # correlation of the scores of a person, and so of a pair
PICTURES = 10  # of each person, one in five of them genuine
GENERATORS = ("swap", "blend", "upsampled")


def rows(pairs: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the test rows of pairs of people."""
    people = np.repeat(np.arange(2 * pairs), PICTURES)
    fake = rng.permuted(np.tile(np.arange(PICTURES) >= PICTURES // 5, (2 * pairs, 1)), axis=1).ravel()
    return pd.DataFrame(
        {
            "identity": people.astype(str),
            "group": people // 2,
            "label": np.where(fake, "fake", "real"),
            "source": "camera",
            "generator": np.where(fake, rng.choice(GENERATORS, len(people)), ""),
            "gender": np.where(people // 2 % 2, "female", "male"),
        }
    )


def draw_score(fake: Array, groups: Array, auc: float, rng: np.random.Generator) -> Array:
    """Draw normal scores of variance 1 with this AUC that go along within a group."""
    noise = rng.normal(0, np.sqrt(WITHIN), groups.max() + 1)[groups] + rng.normal(0, np.sqrt(1 - WITHIN), len(groups))
    return noise + np.sqrt(2) * norm.ppf(auc) * fake
