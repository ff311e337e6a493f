"""Callers by pseudonyms of a day, and how much each of them may say in an hour."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import threading
import time
from collections.abc import Callable

from aletheia.inference.errors import RequestError

_DAY, _HOUR = 86_400, 3_600
_MAX_CALLERS = 50_000  # that are told apart in one hour; further ones share one allowance
_PSEUDONYM_DIGITS = 16


class Callers:
    """Gives each address a pseudonym and an allowance. May be shared by threads.

    The pseudonym is a keyed hash of the address. Its key is drawn anew at the start and on each day (UTC), kept in
    memory alone and then thrown away, so that nobody, the operator included, can find the address by trying them all,
    or follow a caller from one day to the next.

    Parameters
    ----------
    per_hour : int
        Requests of one caller in a clock hour.
    clock : callable
        Seconds since 1970.
    """

    def __init__(self, per_hour: int, clock: Callable[[], float] = time.time) -> None:
        self.per_hour, self._clock = per_hour, clock
        self._lock = threading.Lock()
        self._day, self._key = -1, b""
        self._hour, self._counts = -1, dict[str, int]()

    def admit(self, address: str) -> str:
        """Count a request and return the caller's pseudonym.

        Raises
        ------
        RequestError
            When the caller has used the allowance of this hour.
        """
        now = self._clock()
        with self._lock:
            self._renew(now)
            pseudonym = hmac.new(self._key, address.encode(), hashlib.sha256).hexdigest()[:_PSEUDONYM_DIGITS]
            counted = pseudonym if pseudonym in self._counts or len(self._counts) < _MAX_CALLERS else ""
            count = self._counts[counted] = self._counts.get(counted, 0) + 1
        if count > self.per_hour:
            raise RequestError(
                "busy",
                f"One caller may say something about {self.per_hour:,} answers in an hour; go on in the next one.",
                retry_after=math.ceil(_HOUR - now % _HOUR),
            )
        return pseudonym

    def _renew(self, now: float) -> None:
        day, hour = int(now // _DAY), int(now // _HOUR)
        if day != self._day:
            self._day, self._key = day, secrets.token_bytes(32)
        if hour != self._hour:
            self._hour, self._counts = hour, {}
