"""Which bits of two hashes to compare, so that none of those within a distance are missed.

A hash is cut into bands, and hashes that agree in all bands of one of several sets are compared. A few changed bits lie
in no more bands than they are; a design is a list of sets of which one is left whole, wherever they lie (the pigeonhole
principle; Norouzi, Punjani & Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012, section 3).
"""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import numpy as np

BITS = 64
#: Rows of a chunk that is searched by itself: its hashes and the table of their keys stay in the processor's cache.
CHUNK_BITS = 16


class Bands(NamedTuple):
    """Cut a hash into ``n_bands`` bands, and compare hashes that agree in all bands of one of the sets ``chosen``."""

    n_bands: int
    chosen: tuple[tuple[int, ...], ...]

    @property
    def bits(self) -> float:
        """Return how many bits two hashes share at least when they are compared."""
        return BITS / self.n_bands * len(self.chosen[0])

    def mask(self, bands: tuple[int, ...]) -> int:
        """Return the number in which the bits of these bands are set."""
        edges = np.linspace(0, BITS, self.n_bands + 1).round().astype(int).tolist()
        return sum((1 << edges[i + 1]) - (1 << edges[i]) for i in bands)


# The lines of the affine plane of order 3: whichever 4 of its 9 points are taken away, a line is left whole, for 5
# points are needed to meet all of them (R. Jamison, "Covering Finite Fields with Cosets of Subspaces", J. Combin.
# Theory A 22, 1977).
_PLANE = Bands(
    9,
    (
        *((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8)),
        *((0, 4, 8), (1, 5, 6), (2, 3, 7), (0, 5, 7), (1, 3, 8), (2, 4, 6)),
    ),
)

# The 30 hyperplanes of the affine space of 16 points over the field of two elements. Any 4 points lie in a hyperplane,
# and the points beside it are one, too, which is left whole.
_SPACE = Bands(
    16,
    tuple(
        tuple(point for point in range(16) if (point & normal).bit_count() % 2 == side)
        for normal in range(1, 16)
        for side in (0, 1)
    ),
)


def designs(distance: int) -> list[Bands]:
    """List the ways to cut hashes into bands that find all pairs within a distance."""
    plain = [
        Bands(distance + shared, tuple(itertools.combinations(range(distance + shared), shared)))
        for shared in (1, 2, 3)
    ]
    return [*plain, _PLANE, _SPACE] if distance == 4 else plain


def cost(n: int, bands: Bands) -> float:
    """Estimate the nanoseconds (measured) that a search of n hashes takes: for each set, all keys and pairs in vain."""
    return len(bands.chosen) * n * (10 + n / 2**bands.bits * 15)  # of the keys, half occur: mirror images have the same


@functools.lru_cache(maxsize=64)
def group_sets(bands: Bands, chunk_bits: int) -> list[tuple[int, list[int]]]:
    """Put sets that have bands in common together, so that hashes are divided once for all sets of a group.

    Parameters
    ----------
    bands
        The sets.
    chunk_bits
        Of the common bands, so that 2**chunk_bits chunks can be told apart; at least one band is common.

    Returns
    -------
    list of (int, list of int)
        Mask of the common bands, and masks of the sets; every set is in one group.
    """
    # A hash and its mirror image count as one, which takes a bit away.
    n_common = min(max(1, -(-(chunk_bits + 1) * bands.n_bands // BITS)), len(bands.chosen[0]))
    rest = list(bands.chosen)
    groups = []
    while rest:
        common: tuple[int, ...] = ()
        group = rest
        for _ in range(n_common):
            counts = np.bincount([band for chosen in group for band in chosen if band not in common])
            common = (*common, int(counts.argmax()))
            group = [chosen for chosen in group if set(common) <= set(chosen)]
        groups.append((bands.mask(common), [bands.mask(chosen) for chosen in group]))
        rest = [chosen for chosen in rest if chosen not in group]
    return groups


def chunk_bits(n: int) -> int:
    """Choose into how many chunks, two to that power, n hashes are divided."""
    return min(max(0, n.bit_length() - 1 - CHUNK_BITS), 12)
