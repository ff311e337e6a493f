"""Balancing of the training part: more real faces from a pool, without making the pool a shortcut."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.wording import counted
from aletheia.datasets.duplicates import near_duplicates
from aletheia.datasets.groups import LINKING_COLUMNS
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.sampling import draw_matched, draw_per_source
from aletheia.datasets.schema import SEALED, bare, unstated
from aletheia.stats.categorical import cramers_v, cross_table, encode, join_columns

POLICIES = ("none", "count", "matched", "per-source")
_HELD_OUT = ("val", "test", SEALED)


@dataclass(frozen=True)
class BalanceReport:
    """Numbers of one run of :func:`balance_training`.

    Attributes
    ----------
    policy : str
        One of ``POLICIES``.
    target_share : float
        Share of real rows to reach.
    real_before, real_after, fake : int
        Rows of the training part.
    pool : int
        Rows of the pool, before any were left out.
    excluded : dict of str to int
        Rows of the pool that could not be used, by reason.
    drawn : int
        Rows taken from the pool.
    wanted : int
        Rows that reach the target.
    v_before, v_after : float
        Cramér's V between source and label in the training part; NaN when no source is known.
    notes : list of str
        The same in sentences, with what was not possible.
    """

    policy: str
    target_share: float
    real_before: int
    real_after: int
    fake: int
    pool: int
    excluded: dict[str, int]
    drawn: int
    wanted: int
    v_before: float
    v_after: float
    notes: list[str] = field(default_factory=list)


class Balanced(NamedTuple):
    """Training rows with those drawn from the pool, and the numbers of the draw."""

    train: pd.DataFrame
    report: BalanceReport


def check_policy(policy: str) -> None:
    """Refuse an unknown policy by InputError."""
    if policy not in POLICIES:
        raise InputError(f"There is no balance policy {policy!r}. Choose one of {', '.join(POLICIES)}.")


def balance_training(
    train: pd.DataFrame,
    pool: pd.DataFrame,
    policy: str = "matched",
    seed: int = 0,
    *,
    exclude_rows: pd.DataFrame | None = None,
    target_share: float = 0.5,
    max_distance: int = 4,
) -> Balanced:
    """Add real rows from a pool to the training part, and to nothing else.

    The policies:

    - ``none`` adds nothing.
    - ``count`` draws at random until the target share is reached, as published projects do. When the files of the
      pool differ from the others, "comes from the pool" then predicts "real".
    - ``matched`` draws within cells of size, format, JPEG quality and chroma, so that the reals of each cell come up
      to their share of its fakes and no further; a cell without matches in the pool is left as it is.
    - ``per-source`` brings real up to the target within each source that has fakes, from rows of the pool of that
      very source. A source that only the pool has is not used: all its rows would be real.

    Rows of the pool are left out when they are linked (identity, video, pair, original, bytes, near
    duplicate) to a held-out row, or are in ``train`` already (path, bytes).

    Parameters
    ----------
    train
        Manifest rows of the training part.
    pool
        Manifest rows, all real; may be empty.
    policy
        One of ``POLICIES``.
    seed
        Makes the draw repeatable.
    exclude_rows
        Rows for validation and test. When they have a ``split``, only those of val and test count.
    target_share
        Share of real rows to reach, above 0 and below 1.
    max_distance
        Bits for near duplicates.

    Returns
    -------
    Balanced
        ``(train, report)``; in ``train`` the drawn rows come last, with ``split`` "train" and ``pool`` set to
        their source (``""`` for the others).

    Raises
    ------
    InputError
        On an unknown policy, a share out of range, val or test rows in ``train``, or a fake in the pool.
    """
    check_policy(policy)
    if not 0 < target_share < 1:
        raise InputError(f"The share of real rows to aim at lies above 0 and below 1, not at {target_share}.")
    if "split" in train.columns and train["split"].isin(_HELD_OUT).any():
        raise InputError("Balancing is for training rows only, but validation or test rows were among them.")
    fake = fake_flags(train)
    if len(pool) and fake_flags(pool).any():
        raise InputError("A balancing pool is real throughout, but fake rows were among it. Remove them.")
    rng = np.random.default_rng(seed)
    n_fake, n_real = int(fake.sum()), int((~fake).sum())
    wanted = max(0, round(target_share / (1 - target_share) * n_fake) - n_real)
    notes: list[str] = []
    excluded: dict[str, int] = {}
    drawn = np.empty(0, dtype=np.int64)
    if policy != "none":
        usable, excluded = _usable(pool, train, _held_out_rows(exclude_rows), max_distance)
        if not len(pool):
            notes.append("There is no pool to draw from.")
        elif wanted == 0:
            notes.append("Real rows are as many as aimed at already: nothing was drawn.")
        elif policy == "count":
            drawn = rng.permutation(usable)[:wanted]
        elif policy == "matched":
            drawn = draw_matched(train, fake, pool, usable, wanted, target_share, rng, notes)
        else:
            drawn = draw_per_source(train, fake, pool, usable, target_share, rng, notes)
    out = _joined(train, pool.iloc[np.sort(drawn)])
    if policy != "none" and len(pool) > 0 and len(drawn) < wanted:
        notes.append(f"Of {wanted:,} real rows wanted, {len(drawn):,} were drawn from {len(usable):,} usable ones.")
    notes += [f"{counted(count, 'row')} of the pool left out: {reason}." for reason, count in excluded.items()]
    report = BalanceReport(
        policy=policy,
        target_share=target_share,
        real_before=n_real,
        real_after=n_real + len(drawn),
        fake=n_fake,
        pool=len(pool),
        excluded=excluded,
        drawn=len(drawn),
        wanted=wanted,
        v_before=_source_v(train),
        v_after=_source_v(out),
        notes=notes,
    )
    return Balanced(out, report)


def _held_out_rows(held_out: pd.DataFrame | None) -> pd.DataFrame | None:
    if held_out is None or "split" not in held_out.columns:
        return held_out
    marked = held_out["split"].isin(_HELD_OUT)
    if not marked.any() and not held_out["split"].eq("train").any():
        return held_out
    links = [name for name in ("path", "phash", *LINKING_COLUMNS) if name in held_out.columns]
    return held_out.loc[marked, links]


def _source_v(df: pd.DataFrame) -> float:
    if "source" not in df.columns:
        return float("nan")
    codes, values = encode(df["source"])
    return cramers_v(cross_table(codes, fake_flags(df).astype(np.int64), (len(values), 2)))


def _joined(train: pd.DataFrame, extra: pd.DataFrame) -> pd.DataFrame:
    """Append rows column by column: pd.concat would hold two more copies of a large table."""
    given = {"split": "train", "pool": extra["source"] if "source" in extra.columns else "pool"}
    extra = extra.assign(**given)
    columns = {}
    for name in dict.fromkeys([*train.columns, *extra.columns]):
        parts = [
            df[name] if name in df.columns else _unknown(other[name], len(df))
            for df, other in ((train, extra), (extra, train))
        ]
        if isinstance(parts[0].dtype, pd.CategoricalDtype) and parts[1].dtype == object:
            parts[1] = parts[1].astype("category")
        columns[name] = bare(join_columns(*parts))
    return pd.DataFrame(columns, copy=False)


def _unknown(column: pd.Series, rows: int) -> pd.Series:
    """Make a column of as many rows, of the same type, that states nothing."""
    is_coded = isinstance(column.dtype, pd.CategoricalDtype)
    if is_coded or column.dtype == object:
        return pd.Series(unstated(rows, is_coded))
    return pd.Series(np.full(rows, False if column.dtype == bool else np.nan))


def _usable(
    pool: pd.DataFrame, train: pd.DataFrame, held_out: pd.DataFrame | None, max_distance: int
) -> tuple[Array, dict[str, int]]:
    """Find the positions of rows of the pool that may be drawn, and count the others by reason."""
    reasons: dict[str, int] = {}
    usable = np.ones(len(pool), dtype=bool)

    def leave_out(rows: Array, reason: str) -> None:
        count = int((rows & usable).sum())
        if count:
            reasons[reason] = count
        usable[rows] = False

    for name in ("path", "sha256"):
        if name in pool.columns and name in train.columns:
            leave_out(_shared(pool[name], train[name]), f"the same {name} as a training row")
    if held_out is not None and len(held_out) and len(pool):
        for name in ("path", *LINKING_COLUMNS):
            if name in pool.columns and name in held_out.columns:
                leave_out(_shared(pool[name], held_out[name]), f"the same {name} as a held-out row")
        if "phash" in pool.columns and "phash" in held_out.columns:
            hashes = np.concatenate([pool["phash"].to_numpy(), held_out["phash"].to_numpy()]).astype(np.uint64)
            # Chains count, as they do in the split: a row close to a row that is close to a held-out one.
            links = near_duplicates(hashes, max_distance, forest=True)
            is_linked = np.ones(len(links), dtype=np.bool_)
            graph = coo_matrix((is_linked, (links[:, 0], links[:, 1])), shape=(len(hashes), len(hashes)))
            n_components, component = connected_components(graph, directed=False)
            is_excluded = np.zeros(n_components, dtype=bool)
            is_excluded[component[len(pool) :]] = True
            leave_out(is_excluded[component[: len(pool)]], "a near duplicate of a held-out row")
    return np.flatnonzero(usable), reasons


def _shared(column: pd.Series, others: pd.Series) -> Array:
    """Mask the values of a column, unless empty, that are among the others; only the column, the shorter, is hashed."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, values = encode(column)
        # The last place stands for the code -1, that is, for an empty cell.
        is_common: Array = np.append(_shared(pd.Series(values, dtype=object), others), False)
        return is_common[codes]
    if isinstance(others.dtype, pd.CategoricalDtype):
        others = pd.Series(encode(others)[1], dtype=object)
    # A set is four times as fast as pandas' isin, and most columns have nothing in common.
    common = list(set(column.tolist()).intersection(others.tolist()))
    mask: Array = (column.isin(common) & (column != "") & column.notna()).to_numpy()
    return mask
