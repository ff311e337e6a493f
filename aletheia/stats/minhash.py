"""Overlap of two sets from compact sketches of them: the smallest hashes of each."""

from __future__ import annotations

import math

import numpy as np

from aletheia.core.arrays import Array

#: Hashes of a sketch.
SIZE = 256
_BYTES = 8


def sketch(hashes: Array, size: int = SIZE) -> Array:
    """Return the smallest distinct hashes, in order: the bottom-k sketch of a set.

    Which elements these are is left to chance, the same chance for every set, so that sketches can be compared
    (Broder, "On the Resemblance and Containment of Documents", SEQUENCES 1997).

    Parameters
    ----------
    hashes : ndarray
        (n,) uint64, evenly distributed hashes of the elements.
    size : int
        Hashes that are kept, at most.
    """
    return np.unique(np.asarray(hashes, dtype=np.uint64))[:size]


def share_known(first: Array, second: Array, size: int = SIZE) -> float:
    """Estimate which share of a first set is in a second one, too, from their sketches.

    Of both sets the sketches hold every element up to the smaller of their last hashes, and these elements of the first
    set are a random sample of it, m of them: the share among them is unbiased, with a standard error of
    sqrt(share (1 - share) / m). Two sets of fewer than `size` elements are known whole, and the share is exact; of two
    sets of one size m is about `size` or less, and of a first set r times as small as the second about size / r.

    Parameters
    ----------
    first, second : ndarray
        (k,) sorted uint64, of `sketch`.
    size : int
        With which both were made.

    Returns
    -------
    float
        0 to 1; NaN where no element of the first set is in the part that both know.
    """
    limits = [int(one[-1]) for one in (first, second) if len(one) >= size]
    sample = first[first <= np.uint64(min(limits))] if limits else first
    return float(np.isin(sample, second).mean()) if len(sample) else math.nan


def to_hex(values: Array) -> str:
    """Write a sketch as text, 16 hexadecimal digits a hash."""
    return np.asarray(values, dtype=">u8").tobytes().hex()


def from_hex(text: str) -> Array:
    """Read what `to_hex` wrote.

    Raises
    ------
    ValueError
        For another text.
    """
    content = bytes.fromhex(text)
    if len(content) % _BYTES:
        raise ValueError(f"a sketch is of {_BYTES} bytes a hash, not of {len(content)} in all")
    return np.frombuffer(content, dtype=">u8").astype(np.uint64)
