"""Drawing rows of a pool within cells: of file properties, or of sources."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.stats.categorical import encode, join_columns

_FILE_PROPERTIES = ("width", "height", "format", "jpeg_quality", "chroma")


def draw_matched(
    train: pd.DataFrame,
    fake: Array,
    pool: pd.DataFrame,
    usable: Array,
    wanted: int,
    target_share: float,
    rng: np.random.Generator,
    notes: list[str],
) -> Array:
    """Draw rows of the pool that match fakes in size, format, JPEG quality and chroma.

    Parameters
    ----------
    train : DataFrame
        Rows of the training part.
    fake : (n,) bool
        Which of them are fake.
    pool : DataFrame
        Genuine rows.
    usable : (k,) int64
        Positions in the pool that may be drawn.
    wanted : int
        Most rows to draw.
    target_share : float
        Share of real rows to reach in each cell, 0 to 1.
    rng : Generator
    notes : list of str
        Gets a sentence when the pool lacks matches.

    Returns
    -------
    ndarray
        Positions in the pool, int64.
    """
    both = {name: join_columns(train[name], pool[name]) for name in _FILE_PROPERTIES}
    cells = _file_cells(pd.DataFrame(both, copy=False))
    drawn, lacking = _draw_within(cells[: len(train)], fake, cells[len(train) :], usable, target_share, rng)
    if lacking:
        notes.append(
            f"{lacking:,} fakes' worth of real rows could not be matched: the pool has too few images "
            "delivered like these fakes (size, format, JPEG quality, chroma)."
        )
    return drawn[:wanted]


def draw_per_source(
    train: pd.DataFrame,
    fake: Array,
    pool: pd.DataFrame,
    usable: Array,
    target_share: float,
    rng: np.random.Generator,
    notes: list[str],
) -> Array:
    """Draw rows of the pool within each source that has fakes; parameters as of :func:`draw_matched`."""
    codes, values = encode(join_columns(train["source"], pool["source"]))
    drawn, lacking = _draw_within(codes[: len(train)], fake, codes[len(train) :], usable, target_share, rng)
    if lacking:
        notes.append(f"{lacking:,} real rows are lacking in sources of which the pool has no more.")
    without_fakes = np.setdiff1d(codes[len(train) :], codes[: len(train)][fake])
    for code in without_fakes[without_fakes >= 0][:5]:
        notes.append(f"Source {values[code]!r} of the pool was not used: no fake comes from it.")
    return drawn


def _draw_within(
    cells: Array,
    fake: Array,
    pool_cells: Array,
    usable: Array,
    target_share: float,
    rng: np.random.Generator,
) -> tuple[Array, int]:
    """Draw rows of the pool so that the reals of each cell reach their share; also count the lacking ones."""
    count = int(max(cells.max(initial=-1), pool_cells.max(initial=-1))) + 1
    is_known = cells >= 0
    fakes = np.bincount(cells[is_known & fake], minlength=count)
    reals = np.bincount(cells[is_known & ~fake], minlength=count)
    missing = np.maximum(np.round(target_share / (1 - target_share) * fakes).astype(np.int64) - reals, 0)
    usable = usable[pool_cells[usable] >= 0]
    cell = pool_cells[usable]
    order = np.lexsort((rng.random(len(usable)), cell))
    available = np.bincount(cell, minlength=count)
    rank = np.arange(len(usable)) - np.repeat(np.cumsum(available) - available, available)
    drawn = usable[order[rank < missing[cell[order]]]]
    return rng.permutation(drawn), int(np.maximum(missing - available, 0).sum())


def _file_cells(df: pd.DataFrame) -> Array:
    """Encode each combination of file properties: sizes by half octaves, JPEG quality by fives."""
    with np.errstate(divide="ignore"):
        sizes = [
            np.round(2 * np.log2(np.maximum(df[name].to_numpy(), 1))).astype(np.int64) for name in ("width", "height")
        ]
    quality = np.floor(df["jpeg_quality"].fillna(-5).to_numpy() / 5).astype(np.int64) + 1
    cells = np.zeros(len(df), dtype=np.int64)
    for codes in (*sizes, quality, encode(df["format"])[0] + 1, encode(df["chroma"])[0] + 1):
        # Renumbered after each column, so that the products stay small.
        cells = pd.factorize(cells * (codes.max(initial=0) + 1) + codes)[0]
    return cells
