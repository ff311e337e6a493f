"""Hashes with the same key, found in chunks that stay in the processor's cache.

A look-up in a table waits for the memory, and the longer the larger the table is. So hashes are first divided into
chunks by some bits of the key (the partitioned hash join: Manegold, Boncz & Kersten, "Optimizing Main-Memory Join on
Modern Hardware", IEEE TKDE 14, 2002); time then grows as their number does.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aletheia.core.arrays import Array
from aletheia.imaging.reading import MIRRORED_BITS

_BLOCK = 1 << 18  # rows that are divided at a time
# Factors of Knuth's multiplicative hash: 2**64 by the golden ratio, and by 2 pi. Two, lest keys of a chunk begin alike.
_OF_KEYS, _OF_CHUNKS = np.uint64(0x9E3779B97F4A7C15), np.uint64(0x28BE60DB9391054B)


def unmirror(values: Array, mask: int) -> Array:
    """Take of each hash and its mirror image the one without the lowest of the bits in `mask` that tell them apart.

    Of two hashes that agree in the bits of `mask`, one of them perhaps mirrored, the results agree in them, too.
    """
    differing = mask & int(MIRRORED_BITS)
    lowest = (differing & -differing).bit_length() - 1
    is_mirrored = (values >> np.uint64(lowest)) & np.uint64(1)
    result: Array = values ^ (is_mirrored * MIRRORED_BITS)
    return result


def divide(values: Array, mask: int, bits: int, *, mirrored: bool) -> Iterator[tuple[Array, Array]]:
    """Divide hashes into 2**bits chunks by their bits in a mask.

    Parameters
    ----------
    values
        uint64, (n,).
    mask
        Hashes with the same bits in it come into the same chunk.
    bits
        0 to 16.
    mirrored
        Whether mirror images count as equal: then :func:`unmirror` comes first.

    Yields
    ------
    rows : np.ndarray
        int32, ascending.
    chunk : np.ndarray
        uint64, their hashes.
    """
    n = len(values)
    moved, rows = np.empty(n, np.uint64), np.empty(n, np.int32)
    starts = range(0, max(n, 1), _BLOCK)
    ends = np.zeros((len(starts), (1 << bits) + 1), np.int64)
    for i, start in enumerate(starts):
        block = values[start : start + _BLOCK]
        block = unmirror(block, mask) if mirrored else block
        if bits:
            code = keys(block, mask, bits, _OF_CHUNKS).astype(np.uint16)
            order = np.argsort(code, kind="stable")
            ends[i, 1:] = np.cumsum(np.bincount(code, minlength=1 << bits))
        else:
            order = np.arange(len(block))
            ends[i, 1:] = len(block)
        moved[start : start + _BLOCK] = block[order]
        rows[start : start + _BLOCK] = order + start
        ends[i] += start
    for chunk in range(1 << bits):
        places = [slice(low, high) for low, high in ends[:, chunk : chunk + 2].tolist()]
        yield np.concatenate([rows[place] for place in places]), np.concatenate([moved[place] for place in places])


def keys(values: Array, mask: int, bits: int, factor: np.uint64 = _OF_KEYS) -> Array:
    """Compute a number of so many bits from the masked bits of each hash: int64, as indices are.

    Hashes that agree in the mask have the same; others may.
    """
    key: Array = values & np.uint64(mask)
    if not bits:
        return np.zeros(len(values), np.int64)
    key *= factor
    key >>= np.uint64(64 - bits)
    return key.view(np.int64)


def meetings(values: Array, mask: int, table: Array) -> Iterator[tuple[Array, Array]]:
    """Pair all hashes that agree in a mask; others are among the pairs.

    Each hash is written into the table at its key, and those that find another in their place are paired with it. They
    go on to the next round, without the one that stood there: so all that share a place meet, in memory for one round.

    Parameters
    ----------
    values
        uint64, (n,).
    mask
        Bits to agree in.
    table
        int32, overwritten; its length is a power of two, best 2 to 4 n.

    Yields
    ------
    first, second : np.ndarray
        int32, indices into `values`; never a pair twice.
    """
    key = keys(values, mask, len(table).bit_length() - 1)
    active = np.arange(len(values), dtype=np.int32)
    while active.size:
        table[key] = active  # of several assignments to a place the last one holds
        found = table[key]
        met = np.flatnonzero(found != active)
        active, key = active[met], key[met]
        if met.size:
            yield active, found[met]


def find_copies(values: Array, bits: int) -> tuple[Array, Array]:
    """Find the rows whose hash an earlier row has, and the first row of each of these hashes.

    Parameters
    ----------
    values
        uint64, (n,).
    bits
        2**bits chunks are gone through.

    Returns
    -------
    copies, firsts : np.ndarray
        int32, (c,), by their first rows, and in ascending order for each of these.
    """
    mask = (1 << 64) - 1
    copies, firsts = [np.empty(0, np.int32)], [np.empty(0, np.int32)]
    for rows, chunk in divide(values, mask, bits, mirrored=False):
        table = new_table(len(chunk))
        key = keys(chunk, mask, len(table).bit_length() - 1)
        active = np.arange(len(chunk), dtype=np.int32)
        while active.size:
            table[key[::-1]] = active[::-1]  # the first one holds
            found = table[key]
            met = np.flatnonzero(found != active)
            active, key, found = active[met], key[met], found[met]
            is_copy = chunk[active] == chunk[found]
            copies.append(rows[active[is_copy]])
            firsts.append(rows[found[is_copy]])
            active, key = active[~is_copy], key[~is_copy]
    copy, first = np.concatenate(copies), np.concatenate(firsts)
    order = np.lexsort((copy, first))
    return copy[order], first[order]


def new_table(n: int) -> Array:
    """Make a table for the keys of n hashes."""
    return np.zeros(1 << max(4, n.bit_length() + 1), np.int32)
