"""Splits that cannot leak: whole connected groups, stratified; an error explains an impossible one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.wording import counted
from aletheia.datasets.duplicates import near_duplicates
from aletheia.datasets.groups import LINKING_COLUMNS, connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.leakage import check_leakage
from aletheia.datasets.schema import DEMOGRAPHICS, SPLITS
from aletheia.stats.categorical import encode, renumber

__all__ = ["check_leakage", "split_manifest"]

# Largest deviation from the requested fractions, as a share of all rows and of a label's rows.
SHARE_TOLERANCE = 0.15
LABEL_TOLERANCE = 0.25
_STRATA = ("source", "generator", *DEMOGRAPHICS)
_LABEL_WEIGHT = 5.0
# Above this many groups only the large ones are placed one by one; the others are many enough to be dealt out.
_ONE_BY_ONE = 3000
_GOLDEN = (np.sqrt(5) - 1) / 2


def split_manifest(
    df: pd.DataFrame,
    fractions: Sequence[float] = (0.7, 0.15, 0.15),
    seed: int = 0,
    *,
    max_distance: int = 4,
) -> pd.DataFrame:
    """Divide a manifest into train, val and test.

    Rows that are connected (:func:`aletheia.datasets.groups.connected_groups`) stay on one side. Among what that
    leaves open, the shares of each label, and within a label those of sources, generators and demographic
    groups, are kept as equal as possible: groups are placed from the largest on where they are missed most (a
    greedy minimum of the chi-squared distance, as in Sechidis et al., "On the Stratification of Multi-Label
    Data", ECML 2011). A split that the manifest had is replaced.

    Parameters
    ----------
    df
        A manifest.
    fractions
        Shares of train, val and test; they add up to 1, and 0 leaves a split out.
    seed
        The same seed gives the same split of the same rows in the same order.
    max_distance
        Bits for near duplicates.

    Returns
    -------
    pd.DataFrame
        The rows in their order, ``split`` filled; the other columns are shared with ``df``, not copied.

    Raises
    ------
    InputError
        When the fractions do not fit, or the split cannot be made; then it says which label has too few
        groups, or which group is too large and what connects it.
    """
    wanted = _check_fractions(fractions)
    fake = fake_flags(df)
    group = connected_groups(df, max_distance=max_distance)
    sizes = np.bincount(group)
    fakes = np.bincount(group, weights=fake).astype(np.int64)
    _check_groups(df, fake, group, sizes, fakes, wanted)
    rng = np.random.default_rng(seed)
    cells = _cells(df, fake)
    if len(sizes) <= _ONE_BY_ONE:
        single = np.arange(len(sizes))
    else:
        single = np.flatnonzero(sizes > 10 * sizes.mean())
        single = single[np.argsort(-sizes[single], kind="stable")][:_ONE_BY_ONE]
    side = np.full(len(sizes), -1, dtype=np.int64)
    side[single] = _place(group, sizes, cells, single, wanted, rng)
    _deal(side, group, sizes, fakes, cells, wanted, rng)
    _fill_gaps(side, sizes, fakes, wanted)
    _check_outcome(df, fake, group, sizes, fakes, side, wanted)
    out = df.copy(deep=False)
    is_coded = isinstance(df["label"].dtype, pd.CategoricalDtype)
    of_row = side.astype(np.int8)[group]
    out["split"] = pd.Categorical.from_codes(of_row, SPLITS) if is_coded else np.array(SPLITS, dtype=object)[of_row]
    return out


def _check_fractions(fractions: Sequence[float]) -> Array:
    wanted: Array = np.asarray(fractions, dtype=np.float64)
    if wanted.shape != (3,) or not np.isfinite(wanted).all() or (wanted < 0).any() or abs(wanted.sum() - 1) > 1e-6:
        raise InputError(f"Split fractions are three numbers (train, val, test) that add up to 1, not {fractions}.")
    return np.asarray(wanted / wanted.sum())


def _cells(df: pd.DataFrame, fake: Array) -> list[tuple[Array, int, float]]:
    """Encode the rows: codes, number of codes and weight, for the label and for label × each other column."""
    cells = [(fake.astype(np.int32), 2, _LABEL_WEIGHT)]
    for name in _STRATA:
        if name in df.columns:
            codes, values = encode(df[name])
            if len(values) > 1:
                cells.append((((codes + 1) * 2 + fake).astype(np.int32), 2 * len(values) + 2, 1.0))
    return cells


def _place(
    group: Array,
    sizes: Array,
    cells: list[tuple[Array, int, float]],
    chosen: Array,
    wanted: Array,
    rng: np.random.Generator,
) -> Array:
    """Place groups one by one, the largest first; returns the split (0, 1, 2) of each chosen group."""
    number = np.full(len(sizes), -1, dtype=np.int32)
    number[chosen] = np.arange(len(chosen))
    rows = np.flatnonzero(number[group] >= 0)
    owners = number[group[rows]]
    start, columns, weights = 0, [], []
    for codes, count, weight in cells:
        columns.append(codes[rows] + start)
        weights.append(np.full(count, weight))
        start += count
    entries = (np.ones(len(rows) * len(cells)), (np.tile(owners, len(cells)), np.concatenate(columns)))
    counts = csr_matrix(entries, shape=(len(chosen), start))
    counts.sum_duplicates()
    used = np.flatnonzero(wanted > 0)
    target = np.asarray(counts.sum(axis=0)).ravel()[:, None] * wanted[used]
    scale = np.concatenate(weights)[:, None] / np.maximum(target, 1e-9)
    placed = np.zeros_like(target)
    sides = np.empty(len(chosen), dtype=np.int64)
    order = np.lexsort((rng.random(len(chosen)), -sizes[chosen]))
    for i in order:
        part = slice(counts.indptr[i], counts.indptr[i + 1])
        cell, amount = counts.indices[part], counts.data[part, None]
        cost = (scale[cell] * amount * (2 * (placed[cell] - target[cell]) + amount)).sum(axis=0)
        best = int(cost.argmin())
        placed[cell, best] += amount[:, 0]
        sides[i] = used[best]
    return sides


def _deal(
    side: Array,
    group: Array,
    sizes: Array,
    fakes: Array,
    cells: list[tuple[Array, int, float]],
    wanted: Array,
    rng: np.random.Generator,
) -> None:
    """Deal out the groups not placed yet, of which there are thousands, in place.

    Alike groups are laid side by side (same stratum, then fakes, then size) and dealt in the golden ratio's
    sequence, of which every run of k is spread evenly to within a few.
    """
    open_groups = np.flatnonzero(side < 0)
    if not open_groups.size:
        return
    placed = np.bincount(side[side >= 0], weights=sizes[side >= 0], minlength=3)
    missing = np.maximum(wanted * sizes.sum() - placed, 0)
    bounds = np.cumsum(missing / missing.sum())
    some_row = np.empty(len(sizes), dtype=np.int64)
    some_row[group] = np.arange(len(group))
    some_row = some_row[open_groups]
    stratum, n_strata = np.zeros(len(open_groups), dtype=np.int64), 1
    for codes, count, _ in cells[1:]:
        used, stratum = renumber(stratum * (count // 2) + codes[some_row] // 2, n_strata * (count // 2))
        n_strata = len(used)
    order = np.lexsort((rng.random(len(open_groups)), sizes[open_groups], fakes[open_groups], stratum))
    deal = (np.arange(len(open_groups)) * _GOLDEN + rng.random()) % 1.0
    side[open_groups[order]] = np.minimum(np.searchsorted(bounds, deal, side="right"), np.flatnonzero(missing).max())


def _fill_gaps(side: Array, sizes: Array, fakes: Array, wanted: Array) -> None:
    """Give every split a group of each label, in place, where the other splits can spare one (tiny data sets)."""
    counts = np.stack([sizes - fakes, fakes], axis=1)
    for label in (0, 1):
        for split in np.flatnonzero(wanted > 0):
            if counts[side == split, label].any():
                continue
            having = np.flatnonzero(counts[:, label] > 0)
            spare = np.bincount(side[having], minlength=3)[side[having]] > 1
            # Not the last group of the other label either.
            for i in sorted(having[spare], key=lambda i: sizes[i]):
                others = side == side[i]
                others[i] = False
                if (counts[others].sum(axis=0) > 0).all():
                    side[i] = split
                    break


def _check_groups(
    df: pd.DataFrame,
    fake: Array,
    group: Array,
    sizes: Array,
    fakes: Array,
    wanted: Array,
) -> None:
    needed = int((wanted > 0).sum())
    if fake.all() or not fake.any():
        absent = "real" if fake.all() else "fake"
        raise InputError(f"The split cannot be made: there are no {absent} rows. Both classes are needed.")
    for label, counts in (("real", sizes - fakes), ("fake", fakes)):
        having = int((counts > 0).sum())
        if having < needed:
            raise InputError(
                f"The split cannot be made: {counted(int(counts.sum()), f'{label} row forms', f'{label} rows form')} "
                f"only {counted(having, 'connected group')}, and {needed} splits need at least {needed}. "
                f"{_connection(df, group, int(counts.argmax()))} Add {label} images of other people, or ask "
                "for fewer splits."
            )
    largest = int(sizes.argmax())
    if sizes[largest] / sizes.sum() > wanted.max() + SHARE_TOLERANCE:
        raise InputError(
            f"The split cannot be made: one connected group holds {sizes[largest]:,} of {sizes.sum():,} rows "
            f"({sizes[largest] / sizes.sum():.0%}), more than the largest split ({wanted.max():.0%}) can take. "
            f"{_connection(df, group, largest)}"
        )


def _check_outcome(
    df: pd.DataFrame,
    fake: Array,
    group: Array,
    sizes: Array,
    fakes: Array,
    side: Array,
    wanted: Array,
) -> None:
    for label, counts, tolerance in (
        ("", sizes, SHARE_TOLERANCE),
        ("real ", sizes - fakes, LABEL_TOLERANCE),
        ("fake ", fakes, LABEL_TOLERANCE),
    ):
        total = counts.sum()
        got = np.bincount(side, weights=counts, minlength=3)
        # A few rows are never far off, whatever share of a tiny data set they are.
        slack = np.maximum(tolerance * total, 2.5)
        off = np.abs(got - wanted * total)
        bad = (wanted > 0) & ((got == 0) | (off > slack))
        if bad.any():
            i = int(np.where(bad, off, -1.0).argmax())
            raise InputError(
                f"The split cannot be made: {SPLITS[i]} would get {got[i] / total:.0%} of the {label}rows "
                f"instead of {wanted[i]:.0%}, because the connected groups are too few or too large ({len(sizes)} "
                f"groups). "
                f"{_connection(df, group, int(counts.argmax()))}"
            )


def _connection(df: pd.DataFrame, group: Array, number: int) -> str:
    """Explain in a sentence which values connect the rows of a group."""
    rows = df[group == number]
    links = []
    for name in LINKING_COLUMNS:
        if name in rows.columns:
            codes, values = encode(rows[name])
            counts = np.bincount(codes[codes >= 0], minlength=len(values))
            if counts.size and counts.max() > 1:
                links.append(f"{name} {str(values[counts.argmax()])[:60]!r} ({counts.max():,} rows)")
    if "phash" in rows.columns:
        twins = len(near_duplicates(rows["phash"].to_numpy(), forest=True))
        if twins:
            links.append(f"near duplicates ({twins:,} links)")
    if len(rows) == 1 or not links:
        return "The largest group is a single row."
    return f"The largest group, of {len(rows):,} rows, is held together by {', '.join(links[:3])}."
