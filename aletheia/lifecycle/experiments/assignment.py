"""Which of two models answers a request: the one rule for the service's routes and for MLRun's serving graph.

A request's key is hashed to a number from 0 to 1; below the challenger's share, the challenger answers. So one key gets
the same model every time, from every process that was started with the same two numbers, and nothing is stored. The
hash is salted, by default with the challenger's weights: each experiment draws other callers.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable

#: Header by which a caller names itself, as with a session or user number; it is hashed at once, and never stored.
KEY_HEADER = "X-Aletheia-Key"
CHAMPION, CHALLENGER = "champion", "challenger"
ROLES = (CHAMPION, CHALLENGER)
_BITS = 53  # of a float


@dataclasses.dataclass(frozen=True)
class TrafficSplit:
    """The share of requests that the challenger answers.

    Parameters
    ----------
    share : float
        0 (nothing) to 1 (everything).
    salt : str
        Of the hash.

    Raises
    ------
    ValueError
        For a share out of range.
    """

    share: float
    salt: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"the challenger's share is {self.share}; it must be from 0 to 1")

    def place(self, parts: Iterable[bytes | memoryview]) -> float:
        """Hash a request's key, given in parts, to a number from 0 to below 1, uniform over keys."""
        digest = hashlib.blake2b(key=hashlib.sha256(self.salt.encode()).digest(), digest_size=8)
        for part in parts:
            digest.update(part)
        number: int = int.from_bytes(digest.digest()) >> (64 - _BITS)
        return number / 2.0**_BITS

    def role(self, parts: Iterable[bytes | memoryview]) -> str:
        """Return who answers the request with this key: `CHAMPION` or `CHALLENGER`."""
        if self.share in (0, 1):
            return ROLES[int(self.share)]
        return CHALLENGER if self.place(parts) < self.share else CHAMPION


def request_key(header: str | bytes | None, content: Iterable[bytes | memoryview]) -> Iterable[bytes | memoryview]:
    """Return what a request is assigned by: the caller's key, in whatever form and length, else its pictures."""
    if header:
        return (header if isinstance(header, bytes) else header.encode("latin-1", errors="replace"),)
    return content
