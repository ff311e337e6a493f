"""Quality and chroma subsampling of a JPEG, from its header."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aletheia.core.arrays import Array

# Annex K.1 of ITU-T T.81 (JPEG), table K.1, which libjpeg scales by its quality setting. Row by row.
LUMA_TABLE = np.array(
    [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
     14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
     49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99]
)  # fmt: skip


def scaled_table(quality: int | Array) -> Array:
    """Compute the luma quantisation table that libjpeg writes at a quality.

    Parameters
    ----------
    quality
        Whole number(s) from 1 to 100, shape ``(...)``.

    Returns
    -------
    np.ndarray
        Integers from 1 to 255, shape ``(..., 64)``, in row order (not zigzag).
    """
    quality = np.asarray(quality)[..., None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    table: Array = np.clip((LUMA_TABLE * scale + 50) // 100, 1, 255)
    return table


_TABLES = scaled_table(np.arange(1, 101))


def estimate_quality(table: Sequence[int]) -> float:
    """Estimate the quality, 1 to 100, that a JPEG was saved with, from its luma quantisation table.

    Exact for tables that libjpeg scaled from the standard's (a whole number comes back). For the tables of
    cameras and other programs it is the quality whose standard table has the same mean, a fraction: libjpeg's
    ``scale = 5000 / q`` (below 50) or ``200 - 2 q`` solved for ``q``.

    Parameters
    ----------
    table
        64 quantisation steps in row order.

    Returns
    -------
    float
        NaN when the table is not one of 64 positive steps.
    """
    steps = np.asarray(table, dtype=np.int64)
    if steps.shape != (64,) or (steps < 1).any():
        return float("nan")
    exact = np.flatnonzero((steps == _TABLES).all(axis=1))
    if exact.size:
        return float(exact[-1] + 1)
    scale = 100.0 * steps.sum() / LUMA_TABLE.sum()
    quality = 5000.0 / scale if scale > 100 else (200.0 - scale) / 2.0
    return float(np.clip(quality, 1.0, 100.0))


_CHROMA = {
    (1, 1): "4:4:4",
    (2, 1): "4:2:2",
    (2, 2): "4:2:0",
    (1, 2): "4:4:0",
    (4, 1): "4:1:1",
    (4, 2): "4:1:0",
}


def chroma_subsampling(factors: Sequence[tuple[int, int]]) -> str:
    """Name the subsampling, from the sampling factors of a JPEG's components.

    Parameters
    ----------
    factors
        (horizontal, vertical) of each component, in the order of the file.

    Returns
    -------
    str
        ``4:2:0`` and so on, ``grey`` for one component, ``other`` for factors without a common name.
    """
    if len(factors) == 1:
        return "grey"
    if len(factors) < 3 or min(min(pair) for pair in factors[:2]) < 1:
        return "other"
    (luma_x, luma_y), (chroma_x, chroma_y) = factors[:2]
    if luma_x % chroma_x or luma_y % chroma_y or tuple(factors[1]) != tuple(factors[2]):
        return "other"
    return _CHROMA.get((luma_x // chroma_x, luma_y // chroma_y), "other")
