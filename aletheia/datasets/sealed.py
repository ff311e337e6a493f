"""The sealed part of a test set: whole connected groups that nothing but a release scores.

Which groups are sealed follows from the data alone. A choice by the seed of the split would open, at another seed, the
faces that were kept back at this one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.wording import counted
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.picture_keys import hash_texts, looks_hashes, picture_hashes
from aletheia.datasets.schema import LABELS, PARTS, SEALED, as_text
from aletheia.datasets.split import split_manifest
from aletheia.stats.clustered_auc import MIN_GROUPS

#: Share of the test faces that is sealed by default.
SHARE = 0.3
#: Share of the faces of the sealed part that a single group may hold; larger groups stay open.
_LARGEST = 0.5
#: Share of the wanted test faces that stays open at least, where the data set brings more of them sealed.
_LEAST_OPEN = 0.3


def groups_to_seal(share: float = SHARE) -> int:
    """Return of how many groups each class must be, that either part keeps enough for a verdict."""
    return math.ceil(MIN_GROUPS / min(share, 1 - share))


def seal_test(df: pd.DataFrame, share: float = SHARE, *, max_distance: int = 4) -> tuple[pd.DataFrame, str]:
    """Seal a share of the test groups of a manifest whose split stays as it is.

    Who tries many models on one test set finds one that looks better than it is. Rows that no evaluation scores show
    what is left of it (the holdout that is not reused: Dwork et al., "The Reusable Holdout", *Science* 349, 2015).

    Parameters
    ----------
    df : DataFrame
        A manifest with ``split``.
    share : float
        Of the groups of each class in test, 0 to less than 1; 0 seals nothing.
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
    test = np.flatnonzero(df["split"] == "test")
    chosen, reason = choose_sealed(df.iloc[test], share, max_distance=max_distance)
    if reason:
        return df, reason
    is_sealed = np.zeros(len(df), dtype=bool)
    is_sealed[test[chosen]] = True
    out = _with_split(df, np.where(is_sealed, SEALED, df["split"].astype(object)))
    return out, _note(out, max_distance)


def split_and_seal(
    df: pd.DataFrame,
    fractions: Sequence[float],
    seed: int,
    share: float,
    *,
    is_sealed: Array | None = None,
    max_distance: int = 4,
) -> tuple[pd.DataFrame, str]:
    """Seal groups of a manifest, and split the others, of which test gets as much less.

    Parameters
    ----------
    df, fractions, seed, max_distance
        As for `aletheia.datasets.split.split_manifest`; the seed has no say in what is sealed.
    share
        Of the groups of each class that test would hold, as for `seal_test`.
    is_sealed
        (n,) bool: rows that are sealed already. They stay so, with all that they are connected with, and no others
        are sealed.

    Returns
    -------
    manifest, note
        As those of `seal_test`.

    Raises
    ------
    InputError
        For a share out of range, and as `split_manifest`.
    """
    if is_sealed is None or not is_sealed.any():
        chosen, reason = choose_sealed(df, share, part=float(fractions[2]), max_distance=max_distance)
        if reason:
            return split_manifest(df, fractions, seed, max_distance=max_distance), reason
    else:
        group = connected_groups(df, max_distance=max_distance)
        chosen = np.isin(group, group[is_sealed])
    rest = np.flatnonzero(~chosen)
    train, val, test = fractions
    left = max(test - chosen.mean(), _LEAST_OPEN * test)
    shares = [part / (train + val + left) for part in (train, val, left)]
    split = np.full(len(df), SEALED, dtype=object)
    split[rest] = split_manifest(df.iloc[rest], shares, seed, max_distance=max_distance)["split"].astype(object)
    out = _with_split(df, split)
    return out, _note(out, max_distance)


def choose_sealed(rows: pd.DataFrame, share: float, *, part: float = 1.0, max_distance: int = 4) -> tuple[Array, str]:
    """Choose the groups to seal by a hash of what they hold: the same for the same data, whatever the seed.

    A group is named by the smallest hash of its people, or of its pictures where no person is stated, and hashed by
    that name; of the groups with genuine faces, with fakes and with both, those of the lowest hashes are taken. So a
    few pictures more or less change the choice by a group or two at its edge, and a smaller share is a subset of a
    larger one. A group that would be more than half of the sealed part is passed over.

    Parameters
    ----------
    rows : DataFrame
        The rows to choose from.
    share : float
        Of the test groups, 0 to less than 1.
    part : float
        Share of `rows` that is the test set, 0 to 1.
    max_distance : int
        Bits for near duplicates.

    Returns
    -------
    chosen : ndarray
        (n,) bool.
    reason : str
        Why nothing is sealed, as a sentence; empty otherwise.

    Raises
    ------
    InputError
        For a share out of range.
    """
    if not 0 <= share < 1:
        raise InputError(f"The sealed share of the test set is a number from 0 to less than 1, not {share:g}.")
    nothing = np.zeros(len(rows), dtype=bool)
    if share == 0:
        return nothing, "No part of the test set is sealed, as was asked for."
    fake, group = fake_flags(rows), connected_groups(rows, max_distance=max_distance)
    sizes, fakes = np.bincount(group), np.bincount(group, weights=fake)
    small = sizes <= _LARGEST * part * share * len(rows)
    few, kind = _fewest(fakes < sizes, fakes > 0, part)
    needed = groups_to_seal(share)
    if few < needed:
        return nothing, (
            f"No part of the test set is sealed: the {kind} test faces are of {'about ' * (part < 1)}{few} independent "
            f"groups, and from {needed} of each class on {share:.0%} would be."
        )
    least, _ = _fewest((fakes < sizes) & small, (fakes > 0) & small, part)
    if least < needed:
        return nothing, (
            f"No part of the test set is sealed: its groups are of so unequal size that {least} of a class are small "
            f"enough for one part of two, and {needed} are needed."
        )
    lots, is_sealed = group_lots(rows, group), np.zeros(len(sizes), dtype=bool)
    for of_kind in (fakes == 0, fakes == sizes, (fakes > 0) & (fakes < sizes)):
        candidates = np.flatnonzero(of_kind & small)
        number = round(part * share * of_kind.sum())
        is_sealed[candidates[np.argsort(lots[candidates], kind="stable")[:number]]] = True
    return is_sealed[group], ""


def sealed_hashes(rows: pd.DataFrame) -> tuple[str, ...]:
    """Return what sealed rows are recognised by, in order: hashes of their content and of their perceptual hashes.

    16 hexadecimal digits each; they tell nothing about a picture that is not at hand.
    """
    looks, has_looks = looks_hashes(rows)
    values = np.unique(np.concatenate([picture_hashes(rows), looks[has_looks]]))
    return tuple(f"{value:016x}" for value in values)


def open_rows(rows: pd.DataFrame, hashes: Collection[str] = ()) -> tuple[pd.DataFrame, int]:
    """Leave out the rows that are sealed, which register alone may score.

    Parameters
    ----------
    rows : DataFrame
        A manifest that is to be evaluated.
    hashes : collection of str
        Of the sealed part of the model's own data, see `sealed_hashes`.

    Returns
    -------
    rows : DataFrame
        The others; the very manifest where none is sealed.
    n_sealed : int
        Rows left out.

    Raises
    ------
    InputError
        When all rows are sealed.
    """
    is_sealed = np.zeros(len(rows), dtype=bool)
    if "split" in rows:
        is_sealed = as_text(rows["split"]) == SEALED
    if len(hashes):
        known = np.array([int(value, 16) for value in hashes], dtype=np.uint64)
        looks, has_looks = looks_hashes(rows)
        is_sealed = is_sealed | np.isin(picture_hashes(rows), known) | (has_looks & np.isin(looks, known))
    n_sealed = int(is_sealed.sum())
    if not n_sealed:
        return rows, 0
    if n_sealed == len(rows):
        raise InputError(
            f"{counted(n_sealed, 'face is', 'faces are')} all that there is to evaluate, and of the sealed part of a "
            "test set, which register alone scores; evaluate the open test rows, or let `aletheia run` release a model."
        )
    return rows[~is_sealed].reset_index(drop=True), n_sealed


def group_lots(rows: pd.DataFrame, group: Array) -> Array:
    """Return a number (groups,) uint64, evenly distributed, that follows from what a group holds."""
    names = picture_hashes(rows)
    smallest = _smallest(names, group, group.max(initial=-1) + 1)
    if "identity" in rows:
        people = as_text(rows["identity"])
        stated = people != ""
        of_person = _smallest(hash_texts(people[stated]), group[stated], len(smallest))
        has_person = np.isin(np.arange(len(smallest)), group[stated])
        smallest = np.where(has_person, of_person, smallest)
    # The smallest of many hashes is a small number: hashed again, large groups are drawn no sooner than small ones.
    return hash_texts(smallest.astype(str))


def _smallest(values: Array, group: Array, size: int) -> Array:
    out = np.full(size, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(out, group, values)
    return out


def _fewest(has_real: Array, has_fake: Array, part: float) -> tuple[int, str]:
    """Return how many groups of the class that has fewer test would hold, and its name for people."""
    counts = [int(part * has.sum() + 1e-9) for has in (has_real, has_fake)]
    kind = int(np.argmin(counts))
    return counts[kind], {"real": "genuine"}.get(LABELS[kind], LABELS[kind])


def _with_split(df: pd.DataFrame, split: Array) -> pd.DataFrame:
    out = df.copy(deep=False)
    is_coded = isinstance(df["label"].dtype, pd.CategoricalDtype)
    out["split"] = pd.Categorical(split, [name for name in PARTS if (split == name).any()]) if is_coded else split
    return out


def _note(df: pd.DataFrame, max_distance: int) -> str:
    rows = df[df["split"].isin(("test", SEALED))]
    group, chosen = connected_groups(rows, max_distance=max_distance), (rows["split"] == SEALED).to_numpy()
    return (
        f"{chosen.sum():,} of {len(rows):,} test faces, of {len(np.unique(group[chosen]))} of "
        f"{len(np.unique(group))} groups, are sealed: register alone scores them."
    )
