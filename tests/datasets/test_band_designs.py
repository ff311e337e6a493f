from __future__ import annotations

import itertools

import pytest

from aletheia.datasets.band_designs import chunk_bits, cost, designs, group_sets

ALL = [(distance, bands) for distance in (1, 2, 3, 4, 5) for bands in designs(distance)]


@pytest.mark.parametrize(("distance", "bands"), ALL, ids=lambda value: str(getattr(value, "n_bands", value)))
def test_designs_leave_one_set_whole(distance: int, bands) -> None:
    sets = [sum(1 << band for band in chosen) for chosen in bands.chosen]
    for changed in itertools.combinations(range(bands.n_bands), distance):
        hit = sum(1 << band for band in changed)
        assert any(not chosen & hit for chosen in sets)


@pytest.mark.parametrize(("distance", "bands"), ALL, ids=lambda value: str(getattr(value, "n_bands", value)))
@pytest.mark.parametrize("bits", [0, 4, 8])
def test_groups_hold_every_set_once(distance: int, bands, bits: int) -> None:
    groups = group_sets(bands, bits)
    assert sorted(mask for _, masks in groups for mask in masks) == sorted(map(bands.mask, bands.chosen))
    for common, masks in groups:
        assert common
        assert all(mask & common == common for mask in masks)
        # A hash and its mirror image count as one: a bit more, unless the sets themselves have no more.
        assert common.bit_count() > bits or common in masks


def test_masks_cover_all_bits() -> None:
    for bands in designs(4):
        assert sum(bands.mask((band,)) for band in range(bands.n_bands)) == 2**64 - 1
        assert all(abs(bands.mask(chosen).bit_count() - bands.bits) < 2 for chosen in bands.chosen)


def test_cost_of_a_hash_is_bounded() -> None:
    def least(n: int) -> float:
        return min(cost(n, bands) for bands in designs(4)) / n

    assert max(least(n) for n in (10**3, 10**4, 10**5, 10**6, 2 * 10**6, 10**7, 5 * 10**7)) < 310
    # Of one design alone it grows with the number of hashes.
    assert min(cost(5 * 10**7, bands) / 5e7 for bands in designs(4) if bands.bits < 25) > 3000


def test_chunks_hold_some_ten_thousands() -> None:
    assert chunk_bits(0) == chunk_bits(1) == chunk_bits(100_000) == 0
    for n in (1_000_000, 10_000_000, 50_000_000):
        assert 2**16 <= n / 2 ** chunk_bits(n) < 2**17
