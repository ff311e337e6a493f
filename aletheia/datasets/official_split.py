"""The split that a data set brings: kept where it can be, completed where a part is missing, replaced otherwise."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.wording import counted
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.leakage import check_leakage
from aletheia.datasets.schema import LABELS, SEALED, SPLITS, as_text
from aletheia.datasets.sealed import seal_test, split_and_seal
from aletheia.datasets.split import split_manifest

OFFICIAL, NEW = "official", "new"
POLICIES = (OFFICIAL, NEW)
_MOST_OPEN = 0.5  # share of rows without a split, from which on a split is none of this data set


@dataclasses.dataclass(frozen=True)
class Division:
    """A manifest that is divided into train, val and test, of which a part may be sealed.

    Attributes
    ----------
    manifest : DataFrame
        The rows in their order, ``split`` filled.
    kept : bool
        Whether test is the data set's own.
    notes : tuple of str
        What became of the data set's own split, and what was sealed, one sentence each.
    """

    manifest: pd.DataFrame
    kept: bool
    notes: tuple[str, ...] = ()


def check_split_policy(policy: str) -> None:
    """Refuse an unknown policy by InputError."""
    if policy not in POLICIES:
        raise InputError(f"There is no split {policy!r}. Choose one of {', '.join(POLICIES)}.")


def divide(
    df: pd.DataFrame,
    policy: str = OFFICIAL,
    fractions: Sequence[float] = (0.7, 0.15, 0.15),
    seed: int = 0,
    *,
    max_distance: int = 4,
    sealed: float | None = None,
) -> Division:
    """Divide a manifest as its own column ``split`` says, or anew, and seal a part of the test rows.

    The data set's split is kept when its test part, and the rest, hold both labels. Without a test part, its validation
    part is the test set. Without a validation part, one is taken from train, in whole groups. Rows of no part join the
    part of the test or validation rows that they are connected with, else train.

    Parameters
    ----------
    df
        A manifest.
    policy : {'official', 'new'}
        ``'new'`` replaces the split in any case.
    fractions, seed, max_distance
        As :func:`aletheia.datasets.split.split_manifest`.
    sealed
        Share of the test groups to be sealed, see :func:`aletheia.datasets.sealed.choose_sealed`; None: no part is
        sealed anew. What the data set brings sealed stays so, in a new split, too, unless this is 0.

    Raises
    ------
    InputError
        For an unknown policy, or when a split cannot be made.
    """
    check_split_policy(policy)
    side = as_text(df["split"]) if "split" in df.columns else np.full(len(df), "", dtype=object)
    was_sealed = side == SEALED
    side = np.where(was_sealed, "test", side)
    counts = {name: int((side == name).sum()) for name in SPLITS}
    reason = "" if not any(counts.values()) else "a new one was asked for" if policy == NEW else _why_not(df, side)
    if reason or not any(counts.values()):
        parts = _parts_text(counts)
        notes = [f"The data set's own split ({parts}) was replaced by a new one: {reason}."] if reason else []
        return _new(df, fractions, seed, max_distance, sealed, was_sealed, notes)
    division = _keep(df, side, counts, fractions, seed, max_distance)
    if was_sealed.any():
        kept = division.manifest.assign(split=np.where(was_sealed, SEALED, division.manifest["split"]))
        note = f"{was_sealed.sum():,} test faces that the data set brings sealed stay so: register alone scores them."
        return dataclasses.replace(division, manifest=kept, notes=(*division.notes, note))
    if sealed is None:
        return division
    manifest, note = seal_test(division.manifest, sealed, max_distance=max_distance)
    return dataclasses.replace(division, manifest=manifest, notes=(*division.notes, note))


def _new(
    df: pd.DataFrame,
    fractions: Sequence[float],
    seed: int,
    max_distance: int,
    sealed: float | None,
    was_sealed: Array,
    notes: list[str],
) -> Division:
    """Divide anew; what is sealed already stays so, unless no sealed part is wanted."""
    if sealed == 0:
        was_sealed = np.zeros(len(df), dtype=bool)
    if sealed is None and not was_sealed.any():
        manifest = split_manifest(df, fractions, seed, max_distance=max_distance)
        return Division(manifest, kept=False, notes=tuple(notes))
    manifest, note = split_and_seal(df, fractions, seed, sealed or 0.0, is_sealed=was_sealed, max_distance=max_distance)
    return Division(manifest, kept=False, notes=(*notes, note))


def _keep(
    df: pd.DataFrame, side: Array, counts: dict[str, int], fractions: Sequence[float], seed: int, max_distance: int
) -> Division:
    notes = [f"The data set's own split was kept ({_parts_text(counts)})."]
    side = _complete(df, side, fractions, seed, max_distance, notes)
    out = df.copy(deep=False)
    out["split"] = side
    leaks = len(check_leakage(out, max_distance=max_distance))
    if leaks:
        notes.append(
            f"In the data set's own split, {counted(leaks, 'group is', 'groups are')} on two sides (people, videos, "
            "near duplicates). The option split=new divides it without leaks."
        )
    return Division(out, kept=True, notes=tuple(notes))


def _parts_text(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def _why_not(df: pd.DataFrame, side: Array) -> str:
    """Say why a split cannot be kept; empty when it can."""
    filled = [name for name in SPLITS if (side == name).any()]
    if len(filled) == 1:
        return f"all of its images are of one part, {filled[0]}"
    unassigned = float((side == "").mean())
    if unassigned > _MOST_OPEN:
        return f"{unassigned:.0%} of the images have no part in it"
    fake = fake_flags(df)
    is_test = side == _test_part(side)
    for where, rows in (("its test part", is_test), ("the rest", ~is_test)):
        for label, has in zip(LABELS, (~fake[rows], fake[rows]), strict=True):
            if not has.any():
                return f"{where} holds no {label} images"
    return ""


def _test_part(side: Array) -> str:
    return "test" if (side == "test").any() else "val"


def _complete(
    df: pd.DataFrame, side: Array, fractions: Sequence[float], seed: int, max_distance: int, notes: list[str]
) -> Array:
    """Give every row a part; the notes grow by what was decided."""
    side = side.copy()
    if _test_part(side) == "val":
        side[side == "val"] = "test"
        notes.append("It has no test part: its validation images are the test set.")
    unassigned = np.flatnonzero(side == "")
    if unassigned.size:
        group = connected_groups(df, max_distance=max_distance)
        for name in ("val", "test"):
            side[unassigned[np.isin(group[unassigned], group[side == name])]] = name
        side[side == ""] = "train"
        notes.append(
            f"Added to train, or to the part that they are connected with: {counted(int(unassigned.size), 'image')} of "
            "no part."
        )
    fake = fake_flags(df)
    rows = side == "val"
    if fractions[1] > 0 and not (fake[rows].any() and (~fake[rows]).any()):
        train = np.flatnonzero((side == "train") | rows)
        share = fractions[1] / (fractions[0] + fractions[1])
        new = split_manifest(df.iloc[train], (1 - share, share, 0.0), seed, max_distance=max_distance)
        side[train] = new["split"].to_numpy()
        notes.append(f"It has no validation part of both labels: {share:.0%} of train were set aside for validation.")
    return side
