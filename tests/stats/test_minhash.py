"""Sketches of sets: exact where a set is small, and as far off as the closed form says where it is large."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aletheia.stats.minhash import SIZE, from_hex, share_known, sketch, to_hex


def draw(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 2**63, n, dtype=np.uint64) * np.uint64(2)


def test_share_known_of_small_sets_is_exact():
    values = draw(200, np.random.default_rng(0))
    first, second = sketch(np.repeat(values[:100], 3)), sketch(values[90:])
    assert share_known(first, second) == 0.1 and share_known(second, first) == 10 / 110
    assert share_known(first, first) == 1 and share_known(first, sketch(values[100:])) == 0
    assert math.isnan(share_known(sketch(values[:0]), first))


@pytest.mark.parametrize(("n", "other", "share"), [(3000, 3000, 0.15), (2000, 6000, 0.5), (4000, 1000, 0.05)])
def test_share_known_has_the_error_of_a_sample(n, other, share):
    """Unbiased, with variance share (1 - share) / m, m being the elements of the first set that both sketches know."""
    rng, found, expected = np.random.default_rng(n), [], []
    for _ in range(400):
        values = draw(n + other, rng)
        start = n - round(share * n)
        first, second = sketch(values[:n]), sketch(values[start : start + other])
        m = (first <= min(first[-1], second[-1])).sum()
        found.append(share_known(first, second))
        expected.append(share * (1 - share) / m)
    error = math.sqrt(np.mean(expected))
    assert abs(np.mean(found) - share) < 4 * error / math.sqrt(400)
    assert np.std(found) == pytest.approx(error, rel=0.15)


def test_sketch_is_small_and_read_as_written():
    values = draw(1000, np.random.default_rng(1))
    one = sketch(values)
    assert len(one) == SIZE and one.tolist() == sorted(values.tolist())[:SIZE]
    assert from_hex(to_hex(one)).tolist() == one.tolist() and len(to_hex(one)) == 16 * SIZE
    with pytest.raises(ValueError, match="8 bytes"):
        from_hex("abcd")
