"""The split by a hash: shares within binomial bounds, the same key the same model, hostile keys."""

from __future__ import annotations

import hashlib

import pytest
from scipy import stats

from aletheia.lifecycle.experiments.assignment import CHALLENGER, CHAMPION, TrafficSplit, request_key

KEYS = [f"caller-{number}".encode() for number in range(20_000)]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_share_is_binomial(share):
    split = TrafficSplit(share, "salt")
    hits = sum(split.role([key]) == CHALLENGER for key in KEYS)
    low, high = stats.binom.ppf([1e-6, 1 - 1e-6], len(KEYS), share)
    assert low <= hits <= high


def test_places_are_uniform():
    assert stats.kstest([TrafficSplit(0.5, "x").place([key]) for key in KEYS], "uniform").pvalue > 1e-4


def test_place_by_hand():
    """The first 53 bits of BLAKE2b under the SHA-256 of the salt."""
    digest = hashlib.blake2b(b"somebody", key=hashlib.sha256(b"salt").digest(), digest_size=8).hexdigest()
    assert TrafficSplit(0.5, "salt").place([b"some", b"body"]) == (int(digest, 16) >> 11) / 2**53


def test_sticky_and_nested():
    """A larger share keeps those that were in the smaller one; another salt draws others."""
    small, large, other = TrafficSplit(0.1, "a"), TrafficSplit(0.3, "a"), TrafficSplit(0.1, "b")
    chosen, more, others = ({key for key in KEYS if s.role([key]) == CHALLENGER} for s in (small, large, other))
    assert chosen == {key for key in KEYS if TrafficSplit(0.1, "a").role([key]) == CHALLENGER}
    assert chosen < more
    low, high = stats.binom.ppf([1e-6, 1 - 1e-6], len(chosen), 0.1)
    assert low <= len(chosen & others) <= high


def test_bounds():
    assert TrafficSplit(0.0).role([b"x"]) == CHAMPION and TrafficSplit(1.0).role([b"x"]) == CHALLENGER
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="share is"):
            TrafficSplit(share)


def test_key_before_content():
    assert list(request_key("me", [b"picture"])) == [b"me"]
    for missing in ("", None, b""):
        assert list(request_key(missing, [b"picture"])) == [b"picture"]
    for hostile in ("x" * 1_000_000, "\u0000", "emoji 😀 and \ud800", b"\xff\xfe"):
        (key,) = request_key(hostile, [])
        assert 0 <= TrafficSplit(0.5, "s").place([key]) < 1
