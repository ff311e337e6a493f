"""Time of a request by stage, and its limit."""

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
        Seconds that the request may take, from now on; None: no limit.
    queued : float
        Seconds that it has waited in the queue already; they count.

    Attributes
    ----------
    refused : InputError or None
        The error that ended the request, for callers that get only its text.
    """

    def __init__(self, limit: float | None = None, queued: float = 0.0) -> None:
        self._start = time.perf_counter() - queued
        self._limit = limit
        self.refused: InputError | None = None
        self.seconds = {**dict.fromkeys(STAGES, 0.0), "queue": queued}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of a block to a stage, one of `STAGES`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start

    def check(self) -> None:
        """Raise RequestError when the time is up; called at points where the work can be abandoned."""
        if self.left() <= 0:
            raise RequestError("timeout", f"The answer took longer than {self._limit:g} seconds; send less at a time.")

    def left(self) -> float:
        """Return the seconds until the time is up."""
        return float("inf") if self._limit is None else self._limit - self.total()

    def total(self) -> float:
        """Return the seconds since the request arrived."""
        return time.perf_counter() - self._start

    def milliseconds(self) -> dict[str, float]:
        """Return the time of each stage and in total."""
        return {name: round(1000 * value, 2) for name, value in {**self.seconds, "total": self.total()}.items()}
