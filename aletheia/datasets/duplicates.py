"""Near duplicates: pairs of 64-bit perceptual hashes that differ in few bits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.datasets.band_designs import chunk_bits, cost, designs, group_sets
from aletheia.datasets.hash_chunks import divide, find_copies, meetings, new_table
from aletheia.imaging.reading import MIRRORED_BITS, mirrored_hash

MAX_DISTANCE = 16
_CHUNK = 4_000_000


def near_duplicates(phash: Array, max_distance: int = 4, *, forest: bool = False) -> Array:
    """Find pairs of hashes that differ in at most ``max_distance`` bits.

    Cut into bands, hashes are compared that agree in all bands of one of several sets, chosen so that every pair within
    the distance does (:mod:`aletheia.datasets.band_designs`); the more hashes, the more bits they have to share. Finds
    every such pair of different hashes, and every pair of which one is that near to the mirror image of the other: a
    mirror image changes certain bits all at once, so that of a hash and its mirror image one stands for both.

    Equal hashes, those of a mirror image among them, are linked as a chain, first to second to third, and only the
    first of them is paired with other hashes: thousands of copies would make millions of pairs. Connected components
    are those of all pairs. The hash 0 means unknown (or an image without structure) and is never paired.

    Parameters
    ----------
    phash
        uint64, shape (n,).
    max_distance
        Bits, 0 to 16.
    forest
        Return no more pairs than it takes to connect each group (at most n - 1): for grouping,
        where thousands of frames of one video would otherwise make millions of pairs.

    Returns
    -------
    np.ndarray
        int64, shape (pairs, 2), the smaller index first; in ascending order unless ``forest``.

    Raises
    ------
    InputError
        When ``max_distance`` is out of range or ``phash`` is not one-dimensional.
    """
    phash = np.asarray(phash)
    if phash.ndim != 1 or phash.dtype.kind not in "ui":
        raise InputError(f"Perceptual hashes are a row of 64-bit integers, not {phash.dtype} of shape {phash.shape}.")
    if not 0 <= max_distance <= MAX_DISTANCE:
        raise InputError(f"A near duplicate's distance is 0 to {MAX_DISTANCE} bits, not {max_distance}.")
    phash = phash.astype(np.uint64, copy=False)
    phash = np.minimum(phash, mirrored_hash(phash))  # the same for an image and its mirror image
    rows = np.flatnonzero(phash)
    values = phash[rows] if len(rows) < len(phash) else phash
    copies, firsts = find_copies(values, chunk_bits(len(values)))
    before = np.where(np.append(False, firsts[1:] == firsts[:-1]), np.roll(copies, 1), firsts)[: len(copies)]
    links = rows[np.stack([before, copies], axis=1)]
    is_first = np.ones(len(rows), dtype=bool)
    is_first[copies] = False
    values, owners = (values, rows) if is_first.all() else (values[is_first], rows[is_first])
    pieces = [links, *(owners[pairs] for pairs in _distinct(values, max_distance, forest))]
    pairs = np.sort(np.concatenate(pieces), axis=1)
    if forest:
        return _spanning_forest(pairs) if len(pairs) else pairs
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    repeated = np.zeros(len(pairs), dtype=bool)
    repeated[1:] = (pairs[1:] == pairs[:-1]).all(axis=1)
    distinct: Array = pairs[~repeated]
    return distinct


def _distinct(values: Array, distance: int, forest: bool) -> Iterator[Array]:
    """Find pairs among hashes that differ, also from each other's mirror images, in pieces; a pair may come twice."""
    if distance == 0 or len(values) < 2:
        return
    bands = min(designs(distance), key=lambda bands: cost(len(values), bands))
    groups = group_sets(bands, chunk_bits(len(values)))
    # Two at a time: numpy releases Python's lock, and more would multiply the memory.
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(lambda group: _search(values, group[0], group[1], distance, forest), groups)


def _search(values: Array, common: int, masks: list[int], distance: int, forest: bool) -> Array:
    """Find the pairs within `distance` bits among hashes that agree in one of the masks, all of which hold `common`."""
    pieces, n_pairs = [np.empty((0, 2), dtype=np.int64)], 0
    for rows, chunk in divide(values, common, chunk_bits(len(values)), mirrored=True):
        table = new_table(len(chunk))
        for first, second in itertools.chain.from_iterable(meetings(chunk, mask, table) for mask in masks):
            changed = chunk[first] ^ chunk[second]
            # Most pairs differ in too many of the bits that a mirror image leaves alone: half the bits, counted first.
            near = np.flatnonzero(popcount(_unmirrored(changed)) <= distance)
            near = near[_is_near(changed[near], distance)]
            if near.size:
                pieces.append(rows[np.stack([first[near], second[near]], axis=1)].astype(np.int64))
                n_pairs += len(near)
                if forest and n_pairs > _CHUNK:
                    pieces, n_pairs = [_spanning_forest(np.concatenate(pieces))], 0
    return np.concatenate(pieces)


def _unmirrored(values: Array) -> Array:
    """Return the 32 bits, of every second place, that a mirror image leaves alone: uint32, (n,) as the hashes."""
    kept = values & ~MIRRORED_BITS
    return (kept | (kept >> np.uint64(31))).astype(np.uint32)  # those of the upper half go between the others


def _is_near(changed: Array, distance: int) -> Array:
    """Mask the differences, uint64 (n,), of at most `distance` bits between two hashes, one as it is or mirrored."""
    near: Array = np.minimum(popcount(changed), popcount(changed ^ MIRRORED_BITS)) <= distance
    return near


def popcount(x: Array) -> Array:
    """Count the bits set in each uint64 or uint32 (Warren, *Hacker's Delight*, section 5-1)."""
    whole, kind = np.iinfo(x.dtype).max, x.dtype.type
    ones, twos, fours = (kind(whole // divisor) for divisor in (3, 5, 17))  # 0b0101…, 0b00110011…, 0b00001111…
    x = x - ((x >> kind(1)) & ones)
    x = (x & twos) + ((x >> kind(2)) & twos)
    x = (x + (x >> kind(4))) & fours
    count: Array = (x * kind(whole // 255)) >> kind(8 * x.itemsize - 8)
    return count


def _spanning_forest(pairs: Array) -> Array:
    """Reduce the pairs to the fewest with the same connected sets."""
    nodes, ends = np.unique(pairs, return_inverse=True)
    head, tail = ends.reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(pairs), dtype=np.bool_), (head, tail)), shape=(len(nodes), len(nodes)))
    _, component = connected_components(graph, directed=False)
    order = np.argsort(component, kind="stable")
    joined = component[order[1:]] == component[order[:-1]]
    return np.stack([nodes[order[:-1]][joined], nodes[order[1:]][joined]], axis=1)
