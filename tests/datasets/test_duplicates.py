from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from aletheia.core.errors import InputError
from aletheia.datasets.band_designs import designs
from aletheia.datasets.duplicates import near_duplicates, popcount
from aletheia.imaging.reading import mirrored_hash, perceptual_hash


def clustered(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    hashes = rng.integers(1, 2**64 - 1, n, dtype=np.uint64)
    for flips in range(8):
        copies, origins = rng.integers(0, n, n // 6), rng.integers(0, n, n // 6)
        changed = hashes[origins].copy()
        for _ in range(flips):
            changed ^= np.uint64(1) << rng.integers(0, 64, len(copies)).astype(np.uint64)
        hashes[copies] = changed
    return hashes


def brute_force(hashes: np.ndarray, distance: int) -> set[tuple[int, int]]:
    odd = int("10" * 32, 2)  # bits of odd horizontal frequencies, whose coefficients change their sign when mirrored
    return {
        (i, j)
        for i, j in itertools.combinations(range(len(hashes)), 2)
        if min((int(hashes[i]) ^ int(hashes[j]) ^ flip).bit_count() for flip in (0, odd)) <= distance
        and hashes[i]
        and hashes[j]
    }


def components(pairs: np.ndarray, n: int) -> list[int]:
    pairs = np.asarray(sorted(pairs), dtype=int).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    labels = connected_components(graph, directed=False)[1]
    first: dict[int, int] = {}
    return [first.setdefault(label, i) for i, label in enumerate(labels)]


@pytest.mark.parametrize("distance", [0, 1, 2, 4, 7, 12, 16])
def test_near_duplicates_agree_with_brute_force(distance: int) -> None:
    hashes = np.unique(clustered(300, distance))
    np.random.default_rng(0).shuffle(hashes)
    pairs = near_duplicates(hashes, distance)
    assert set(map(tuple, pairs.tolist())) == brute_force(hashes, distance)
    assert len({tuple(p) for p in pairs.tolist()}) == len(pairs)
    assert (pairs[:, 0] < pairs[:, 1]).all()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 2**64 - 1).map(lambda h: h & 0xF0F0F000000000FF), max_size=40),
    st.integers(0, 6),
    st.booleans(),
)
def test_near_duplicates_components(values: list[int], distance: int, forest: bool) -> None:
    hashes = np.array(values, dtype=np.uint64)
    found = near_duplicates(hashes, distance, forest=forest)
    assert components(map(tuple, found.tolist()), len(hashes)) == components(brute_force(hashes, distance), len(hashes))
    if forest:
        assert len(found) == len(hashes) - len(set(components(map(tuple, found.tolist()), len(hashes))))


@pytest.mark.parametrize("bands", designs(4), ids=lambda bands: str(bands.n_bands))
@pytest.mark.parametrize("chunk_bits", [0, 5])
def test_near_duplicates_any_bands(bands, chunk_bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = np.unique(clustered(400, 5))
    np.random.default_rng(0).shuffle(hashes)
    monkeypatch.setattr("aletheia.datasets.duplicates.designs", lambda distance: [bands])
    monkeypatch.setattr("aletheia.datasets.duplicates.chunk_bits", lambda n: chunk_bits)
    assert set(map(tuple, near_duplicates(hashes, 4).tolist())) == brute_force(hashes, 4)


@pytest.mark.parametrize("forest", [False, True])
def test_near_duplicates_wide_bands_find_the_same(forest: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = clustered(60_000, 7)
    expected = near_duplicates(hashes, 4, forest=forest)
    assert len(expected) > 10_000
    widest = max(designs(4), key=lambda bands: bands.bits)
    monkeypatch.setattr("aletheia.datasets.duplicates.designs", lambda distance: [widest])
    monkeypatch.setattr("aletheia.datasets.duplicates.chunk_bits", lambda n: 3)
    np.testing.assert_array_equal(near_duplicates(hashes, 4, forest=forest), expected)


def test_near_duplicates_copies_linear() -> None:
    hashes = np.full(50_000, 12345, dtype=np.uint64)
    start = time.process_time()
    assert len(near_duplicates(hashes)) == 49_999
    assert time.process_time() - start < 2


def test_near_duplicates_forest_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aletheia.datasets.duplicates._CHUNK", 10_000)
    bits = np.array(list(itertools.combinations(range(36), 2)), dtype=np.uint64)
    hashes = np.uint64(2**63 + 5) ^ (np.uint64(1) << bits[:, 0]) ^ (np.uint64(1) << bits[:, 1])
    assert len(near_duplicates(hashes, 4)) == len(hashes) * (len(hashes) - 1) // 2
    assert len(near_duplicates(hashes, 4, forest=True)) == len(hashes) - 1


def test_near_duplicates_unknown_hashes() -> None:
    assert near_duplicates(np.array([0, 0, 1, 3], np.uint64)).tolist() == [[2, 3]]
    for n in (0, 1):
        assert near_duplicates(np.ones(n, np.uint64)).shape == (0, 2)


def test_popcount() -> None:
    values = [0, 1, 2**64 - 1, 0xF0F0]
    assert popcount(np.array(values, np.uint64)).tolist() == [bin(v).count("1") for v in values]
    halves = [value & (2**32 - 1) for value in values]
    assert popcount(np.array(halves, np.uint32)).tolist() == [value.bit_count() for value in halves]


def test_near_duplicates_invalid() -> None:
    with pytest.raises(InputError, match="0 to 16"):
        near_duplicates(np.ones(3, np.uint64), 17)
    with pytest.raises(InputError, match="float64"):
        near_duplicates(np.ones(3))


def test_near_duplicates_speed() -> None:
    hashes = np.random.default_rng(0).integers(1, 2**64 - 1, 100_000, dtype=np.uint64)
    hashes[1000] = hashes[77_000] ^ np.uint64(0b1011 << 30)
    near_duplicates(hashes[:10])
    start = time.process_time()
    assert near_duplicates(hashes).tolist() == [[1000, 77_000]]
    assert time.process_time() - start < 1.5


def test_near_duplicates_mirror_images() -> None:
    rng = np.random.default_rng(0)
    noise = [Image.fromarray(rng.integers(0, 256, (13, 13, 3), dtype=np.uint8)) for _ in range(20)]
    pictures = [np.array(image.resize((96, 96), Image.Resampling.BICUBIC)) for image in noise]
    mirrored = [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]
    hashes = np.array([perceptual_hash(picture) for picture in pictures + mirrored], dtype=np.uint64)
    assert near_duplicates(hashes).tolist() == [[i, i + 20] for i in range(20)]
    exact = mirrored_hash(hashes[:20])
    assert near_duplicates(np.concatenate([hashes[:20], exact]), 0).tolist() == [[i, i + 20] for i in range(20)]
    upside_down = np.array([perceptual_hash(picture[::-1]) for picture in pictures], dtype=np.uint64)
    assert not len(near_duplicates(np.concatenate([hashes[:20], upside_down])))
