"""Where the time of a request goes, and when it has had enough of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from aletheia.core.errors import InputError
from aletheia.inference.errors import RequestError

STAGES = ("queue", "decode", "detect", "network", "judge")


class Stages:
    """The clock of one request.

    Parameters
    ----------
    limit : float, optional
        Seconds the request may take, from now on; None: as long as it wants.
    queued : float
        Seconds that it has waited for its turn already; they count.

    Attributes
    ----------
    refused : InputError or None
        Why the request had to be left, for those who hear of it only through others.
    """

    def __init__(self, limit: float | None = None, queued: float = 0.0) -> None:
        self._began = time.perf_counter() - queued
        self._limit = limit
        self.refused: InputError | None = None
        self.seconds = {**dict.fromkeys(STAGES, 0.0), "queue": queued}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of a block for a stage, one of :data:`STAGES`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start

    def check(self) -> None:
        """Refuse to go on when the time is up; called where work can be left without harm."""
        if self.left() <= 0:
            raise RequestError("timeout", f"The answer took longer than {self._limit:g} seconds; send less at a time.")

    def left(self) -> float:
        """Seconds until the time is up."""
        return float("inf") if self._limit is None else self._limit - self.total()

    def total(self) -> float:
        """Seconds since the request came."""
        return time.perf_counter() - self._began

    def milliseconds(self) -> dict[str, float]:
        """Time of each stage and in total."""
        return {name: round(1000 * value, 2) for name, value in {**self.seconds, "total": self.total()}.items()}
