"""Near duplicates: pairs of 64-bit perceptual hashes that differ in few bits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.imaging.reading import MIRRORED_BITS, mirrored_hash
from aletheia.stats.categorical import rows_by_code

MAX_DISTANCE = 16
_CHUNK = 4_000_000
_BLOCK = 1 << 16  # rows that are compared at a time: their hashes stay in the processor's cache


class _Bands(NamedTuple):
    """Cut a hash into ``n_bands`` bands, and compare hashes that agree in all bands of one of the sets ``chosen``."""

    n_bands: int
    chosen: list[tuple[int, ...]]

    @property
    def bits(self) -> float:
        """Return how many bits two hashes share at least when they are compared."""
        return 64 / self.n_bands * len(self.chosen[0])


# The lines of the affine plane of order 3: whichever 4 of its 9 points are taken away, a line is left whole.
_PLANE: list[tuple[int, ...]] = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8)]
_PLANE += [(0, 4, 8), (1, 5, 6), (2, 3, 7), (0, 5, 7), (1, 3, 8), (2, 4, 6)]


def near_duplicates(phash: Array, max_distance: int = 4, *, forest: bool = False) -> Array:
    """Find pairs of hashes that differ in at most ``max_distance`` bits.

    A banded index (the pigeonhole principle; Norouzi, Punjani & Fleet, "Fast Search in Hamming Space with
    Multi-Index Hashing", CVPR 2012, section 3): cut into d + m bands, two hashes within distance d agree in
    at least m bands, so that only hashes which share m bands are compared. For 4 bits 9 bands serve, too, of which
    the 12 lines of an affine plane are compared: 5 points are needed to meet all of them (R. Jamison, "Covering
    Finite Fields with Cosets of Subspaces", J. Combin. Theory A 22, 1977). Finds every such pair
    of different hashes, and every pair of which one is that near to the mirror image of the other: a mirror image
    changes certain bits all at once, so that bands are equal up to it when the smaller of a band's two forms is.

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
    order = np.argsort(phash, kind="stable")
    ordered = phash[order]
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    is_known = ordered != 0
    chain = ~first & is_known
    links = np.stack([order[:-1][chain[1:]], order[1:][chain[1:]]], axis=1)
    values, owners = ordered[first & is_known], order[first & is_known]
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
    bands = min(_choices(distance), key=lambda bands: _cost(len(values), bands))
    edges = np.linspace(0, 64, bands.n_bands + 1).round().astype(int)
    places = [(int(low), int(high - low)) for low, high in itertools.pairwise(edges)]
    fields = [
        ((values >> np.uint64(low)) & np.uint64((1 << bits) - 1)).astype(np.min_scalar_type((1 << bits) - 1))
        for low, bits in places
    ]
    unmirrored = _unmirrored(values)
    # Two at a time: numpy and scipy release Python's lock, and more would multiply the memory.
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(bands.chosen), 2):
            keys = [
                _key([fields[i] for i in chosen], [places[i] for i in chosen], len(values))
                for chosen in bands.chosen[start : start + 2]
            ]
            yield from pool.map(lambda key: _search_index(values, unmirrored, key[0], key[1], distance, forest), keys)


def _choices(distance: int) -> list[_Bands]:
    """List the ways to cut hashes into bands that find all pairs within a distance."""
    choices = [
        _Bands(distance + shared, list(itertools.combinations(range(distance + shared), shared)))
        for shared in (1, 2, 3)
    ]
    return [*choices, _Bands(9, _PLANE)] if distance == 4 else choices


def _key(fields: list[Array], places: list[tuple[int, int]], n: int) -> tuple[Array, int]:
    """Compute an int32 number for the shared bands of each hash and of its mirror image, and its number of bits."""
    width, limit = sum(bits for _, bits in places), _index_bits(n)
    key: Array = np.zeros(len(fields[0]), dtype=np.uint32 if width <= 32 else np.uint64)
    mirrored, low = 0, 0
    for field, (start, bits) in zip(fields, places, strict=True):
        key |= field.astype(key.dtype) << key.dtype.type(low)
        mirrored |= ((int(MIRRORED_BITS) >> start) & ((1 << bits) - 1)) << low
        low += bits
    key = np.minimum(key, key ^ key.dtype.type(mirrored))
    if width > limit:
        # Folded to fit (Knuth's multiplicative hash); two keys in one place only mean a comparison in vain.
        odd, size = (0x9E3779B1, 32) if key.dtype == np.uint32 else (0x9E3779B97F4A7C15, 64)
        key = (key * key.dtype.type(odd)) >> key.dtype.type(size - limit)
        width = limit
    return key.astype(np.int32), width


def _cost(n: int, bands: _Bands) -> float:
    """Estimate the nanoseconds (measured) that a search of n hashes takes."""
    bits = min(bands.bits, _index_bits(n))
    return len(bands.chosen) * (n * 60 + 2**bits * 8 + n * n / 2**bits * 20)  # of the keys, half occur


def _index_bits(n: int) -> int:
    """Choose the bits of a key, whose index has 2**bits entries."""
    return min(max(8, n.bit_length() + 1), 22)


def _search_index(values: Array, unmirrored: Array, key: Array, width: int, distance: int, forest: bool) -> Array:
    """Find the pairs within `distance` bits among hashes, of which `_unmirrored`, that share a key of `width` bits."""
    n = len(values)
    rows = rows_by_code(key, 1 << width)
    unmirrored, key = unmirrored[rows], key[rows]
    is_last = np.append(key[1:] != key[:-1], True)
    ends = np.flatnonzero(is_last).astype(np.int32) + np.int32(1)
    end = np.repeat(ends, np.diff(ends, prepend=np.int32(0)))  # of each row's bucket
    pieces, n_pairs = [np.empty((0, 2), dtype=np.int64)], 0
    # Each row is compared with the k-th after it in its bucket: memory stays linear, whatever the buckets' sizes.
    for start in range(0, n - 1, _BLOCK):
        room: Array = end[start : start + _BLOCK] - np.arange(start, min(start + _BLOCK, n), dtype=np.int32)
        k, active = 1, np.flatnonzero(room > 1)
        while active.size:
            at = active + start
            # Most pairs differ in too many of the bits that a mirror image leaves alone: half the bits, counted first.
            at = at[popcount(unmirrored[at] ^ unmirrored[at + k]) <= distance]
            if at.size:
                pairs = np.stack([rows[at], rows[at + k]], axis=1).astype(np.int64)
                pairs = pairs[_is_near(values[pairs[:, 0]] ^ values[pairs[:, 1]], distance)]
                pieces.append(pairs)
                n_pairs += len(pairs)
            if forest and n_pairs > _CHUNK:
                pieces, n_pairs = [_spanning_forest(np.concatenate(pieces))], 0
            k += 1
            active = active[room[active] > k]
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
