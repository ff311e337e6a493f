"""The sealed part of a test set: whole connected groups that nothing but a release scores."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.schema import LABELS, PARTS, SEALED
from aletheia.datasets.split import split_manifest
from aletheia.stats.clustered_auc import MIN_GROUPS

#: Share of the test faces that is sealed by default.
SHARE = 0.3


def groups_to_seal(share: float = SHARE) -> int:
    """Return of how many groups each class must be, that either part keeps enough for a verdict."""
    return math.ceil(MIN_GROUPS / min(share, 1 - share))


def seal_test(
    df: pd.DataFrame, share: float = SHARE, seed: int = 0, *, max_distance: int = 4
) -> tuple[pd.DataFrame, str]:
    """Seal a share of the test rows of a divided manifest.

    Who tries many models on one test set finds one that looks better than it is. Rows that no evaluation scores show
    what is left of it (the holdout that is not reused: Dwork et al., "The Reusable Holdout", *Science* 349, 2015).

    Parameters
    ----------
    df : DataFrame
        A manifest with ``split``.
    share : float
        Of the test rows, 0 to less than 1; 0 seals nothing.
    seed : int
        The same seed seals the same rows.
    max_distance : int
        Bits for near duplicates.

    Returns
    -------
    manifest : DataFrame
        With ``split`` "sealed" in the rows that were chosen; unchanged where too few groups are there.
    note : str
        One sentence on what was sealed, or why nothing was.

    Raises
    ------
    InputError
        For a share out of range.
    """
    if not 0 <= share < 1:
        raise InputError(f"The sealed share of the test set is a number from 0 to less than 1, not {share:g}.")
    if share == 0:
        return df, "No part of the test set is sealed, as was asked for."
    test = np.flatnonzero(df["split"] == "test")
    rows = df.iloc[test]
    fake, group = fake_flags(rows), connected_groups(rows, max_distance=max_distance)
    few = _fewest(fake, group)
    needed = groups_to_seal(share)
    if few[0] < needed:
        return df, (
            f"No part of the test set is sealed: the {few[1]} test faces are of {few[0]} independent groups, and from "
            f"{needed} of each class on {share:.0%} would be."
        )
    side = split_manifest(rows, (1 - share, 0.0, share), seed, max_distance=max_distance)["split"]
    chosen = (side == "test").to_numpy()
    least = min(_fewest(fake[part], group[part])[0] for part in (chosen, ~chosen))
    if least < MIN_GROUPS:
        return df, (
            f"No part of the test set is sealed: its groups are of so unequal size that one part would hold {least} "
            f"of a class, and a verdict needs {MIN_GROUPS}."
        )
    out = df.copy(deep=False)
    split = out["split"].astype(object).to_numpy(copy=True)
    split[test[chosen]] = SEALED
    is_coded = isinstance(df["split"].dtype, pd.CategoricalDtype)
    out["split"] = pd.Categorical(split, [name for name in PARTS if (split == name).any()]) if is_coded else split
    return out, (
        f"{chosen.sum():,} of {len(rows):,} test faces, of {len(np.unique(group[chosen]))} of "
        f"{len(np.unique(group))} groups, are sealed: register alone scores them."
    )


def _fewest(fake: Array, group: Array) -> tuple[int, str]:
    """Return the number of groups of the class that has fewer, and its name for people."""
    counts = [len(np.unique(group[rows])) for rows in (~fake, fake)]
    kind = int(np.argmin(counts))
    return counts[kind], {"real": "genuine"}.get(LABELS[kind], LABELS[kind])
