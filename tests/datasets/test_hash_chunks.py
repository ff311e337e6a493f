from __future__ import annotations

import itertools

import numpy as np
import pytest

from aletheia.datasets.hash_chunks import divide, find_copies, keys, meetings, new_table, unmirror
from aletheia.imaging.reading import MIRRORED_BITS

ALL_BITS = 2**64 - 1


def hashes(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, ALL_BITS, n, dtype=np.uint64)


def test_unmirror_makes_mirror_images_equal() -> None:
    values = hashes(1000)
    for mask in (0b11 << 62, 0b110, 0xF0F0):
        np.testing.assert_array_equal(unmirror(values, mask), unmirror(values ^ MIRRORED_BITS, mask))
        is_kept = unmirror(values, mask) == values
        assert 400 < is_kept.sum() < 600
        np.testing.assert_array_equal(unmirror(values[~is_kept], mask), values[~is_kept] ^ MIRRORED_BITS)


@pytest.mark.parametrize("bits", [0, 3, 9])
@pytest.mark.parametrize("mirrored", [False, True])
def test_divide_keeps_equal_keys_together(bits: int, mirrored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aletheia.datasets.hash_chunks._BLOCK", 300)
    mask, values = 0xFFFF0, hashes(1000)
    chunks = list(divide(values, mask, bits, mirrored=mirrored))
    assert len(chunks) == 2**bits
    assert sorted(np.concatenate([rows for rows, _ in chunks])) == list(range(1000))
    wanted = unmirror(values, mask) if mirrored else values
    home: dict[int, int] = {}
    for number, (rows, chunk) in enumerate(chunks):
        assert (np.diff(rows) > 0).all()
        np.testing.assert_array_equal(chunk, wanted[rows])
        for key in chunk & np.uint64(mask):
            assert home.setdefault(int(key), number) == number
    assert len(set(home.values())) > 2**bits / 2


def test_keys_spread_within_a_chunk() -> None:
    values = hashes(40_000)
    for mask in (ALL_BITS, ALL_BITS >> 30, ALL_BITS << 30 & ALL_BITS):
        for _, chunk in divide(values, mask, 5, mirrored=False):
            # By chance alone a share of n / 2**12 / 2 finds its place taken.
            taken = 1 - len(np.unique(keys(chunk, mask, 12))) / len(chunk)
            assert taken < 0.25


@pytest.mark.parametrize("size", [16, 64, 4096])
def test_meetings_find_all_that_share_bits(size: int) -> None:
    values, mask = hashes(300), 0b11111100
    pairs = [
        (a, b)
        for first, second in meetings(values, mask, np.full(size, 7, np.int32))
        for a, b in zip(first.tolist(), second.tolist(), strict=True)
    ]
    found = {frozenset(pair) for pair in pairs}
    assert len(found) == len(pairs)
    assert all(a != b for a, b in pairs)
    shared = {
        frozenset((i, j))
        for i, j in itertools.combinations(range(300), 2)
        if not (int(values[i]) ^ int(values[j])) & mask
    }
    assert shared <= found
    if size == 4096:
        assert len(found) < 1.5 * len(shared)


@pytest.mark.parametrize("bits", [0, 2, 6])
def test_find_copies(bits: int) -> None:
    rng = np.random.default_rng(1)
    values = hashes(400)[rng.integers(0, 400, 2000)]
    copies, firsts = find_copies(values, bits)
    first = {int(value): i for i, value in reversed(list(enumerate(values)))}
    expected = sorted((first[int(value)], i) for i, value in enumerate(values) if first[int(value)] != i)
    assert list(zip(firsts.tolist(), copies.tolist(), strict=True)) == expected
    assert find_copies(values[:0], bits)[0].shape == (0,)
    assert len(new_table(2000)) in (4096, 8192)
