"""Admission control: a bounded queue for turns to work, which says how long the wait is when it is full."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import math
import threading
import time
from collections import deque
from collections.abc import Iterator

from aletheia.inference.errors import RequestError

# Weight of the latest request in the running mean of a turn's duration.
_LATEST = 0.2


class QueueFullError(RequestError):
    """Too many requests wait already."""

    def __init__(self, waiting: int, retry_after: int) -> None:
        super().__init__(
            "busy",
            f"{waiting} requests are waiting already; try again in {retry_after} seconds.",
            retry_after=retry_after,
        )


@dataclasses.dataclass(frozen=True)
class Turn:
    """Leave to work; `waited` is how many seconds it took to get it."""

    waited: float


@dataclasses.dataclass(eq=False)
class _Waiter:
    """A place in the queue; `granted` is done when the turn has come."""

    is_bounded: bool
    granted: concurrent.futures.Future[None] = dataclasses.field(default_factory=concurrent.futures.Future)


class Admission:
    """Lets at most `workers` requests work side by side, in the order of their arrival; at most `queue` wait.

    Threads use ``with admission.turn():``, coroutines ``async with admission.turn():``; they share one queue.

    Parameters
    ----------
    workers : int
        Turns that may be held at a time.
    queue : int
        Requests that may wait for one.
    """

    def __init__(self, workers: int, queue: int) -> None:
        self.workers, self.queue = workers, queue
        self._lock = threading.Lock()
        self._free = workers
        self._waiting: deque[_Waiter] = deque()
        self._bounded = 0  # of those that wait, how many count against the limit
        self._mean_seconds = 0.0  # running mean of a turn

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    @property
    def working(self) -> int:
        """Turns that are held."""
        return self.workers - self._free

    def has_spare(self) -> bool:
        """Tell whether a turn is free and nobody waits: the moment for work that nobody waits for."""
        return self._free > 0 and not self._waiting

    def turn(self, timeout: float | None = None) -> _TurnContext:
        """Return a context manager, for threads and coroutines, that holds a turn.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait for it at most.

        Raises
        ------
        QueueFullError
            On entering, at once, when the queue is full.
        RequestError
            On entering, when the time is up.
        """
        return _TurnContext(self, timeout)

    @contextlib.contextmanager
    def unbounded_turn(self) -> Iterator[Turn]:
        """Hold a turn for work in the background: it queues like all others, but is never refused."""
        with _TurnContext(self, None, is_bounded=False) as turn:
            yield turn

    def check(self) -> None:
        """Raise QueueFullError when the queue is full: before a body is received for nothing."""
        with self._lock:
            if not self._free and self._bounded >= self.queue:
                raise QueueFullError(self._bounded, self.retry_after())

    def retry_after(self) -> int:
        """Return the whole seconds after which the queue should be shorter by one, at the speed so far."""
        return max(1, math.ceil(self._mean_seconds * (len(self._waiting) + 1) / self.workers))

    def enqueue(self, is_bounded: bool) -> _Waiter:
        """Take a place in the queue, or a turn at once when one is free.

        Raises
        ------
        QueueFullError
            When the place is bounded and the queue is full.
        """
        waiter = _Waiter(is_bounded)
        with self._lock:
            if self._free and not self._waiting:
                self._free -= 1
                waiter.granted.set_result(None)
                return waiter
            if is_bounded and self._bounded >= self.queue:
                raise QueueFullError(self._bounded, self.retry_after())
            self._bounded += is_bounded
            self._waiting.append(waiter)
        return waiter

    def withdraw(self, waiter: _Waiter) -> bool:
        """Leave the queue; False when the turn has come already."""
        with self._lock:
            if waiter not in self._waiting:
                return False
            self._waiting.remove(waiter)
            self._bounded -= waiter.is_bounded
            return True

    def release(self, seconds: float | None = None) -> None:
        """Hand a turn, which was held for so long, to the next in the queue."""
        with self._lock:
            if seconds is not None:
                mean = self._mean_seconds or seconds
                self._mean_seconds = mean + _LATEST * (seconds - mean)
            if self._waiting:
                waiter = self._waiting.popleft()
                self._bounded -= waiter.is_bounded
                waiter.granted.set_result(None)
            else:
                self._free += 1


class _TurnContext:
    """See `Admission.turn`; used once."""

    def __init__(self, admission: Admission, timeout: float | None, is_bounded: bool = True) -> None:
        self._admission, self._timeout, self._is_bounded = admission, timeout, is_bounded
        self._began = 0.0

    def __enter__(self) -> Turn:
        queued = time.perf_counter()
        waiter = self._admission.enqueue(self._is_bounded)
        try:
            waiter.granted.result(self._timeout)
        except concurrent.futures.TimeoutError:
            self._time_out(waiter)
        except BaseException:
            self._abandon(waiter)
            raise
        return self._begin(queued)

    async def __aenter__(self) -> Turn:
        queued = time.perf_counter()
        waiter = self._admission.enqueue(self._is_bounded)
        if not waiter.granted.done():
            try:
                # Shielded: a future that asyncio cancels could no longer be distinguished from one whose turn has come.
                await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(waiter.granted)), self._timeout)
            except TimeoutError:
                self._time_out(waiter)
            except BaseException:
                self._abandon(waiter)
                raise
        return self._begin(queued)

    def __exit__(self, *_: object) -> None:
        self._admission.release(time.perf_counter() - self._began)

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()

    def _begin(self, queued: float) -> Turn:
        self._began = time.perf_counter()
        return Turn(self._began - queued)

    def _time_out(self, waiter: _Waiter) -> None:
        """Raise RequestError, unless the turn has come at the last moment."""
        if self._admission.withdraw(waiter):
            raise RequestError(
                "timeout",
                f"The turn did not come within {self._timeout:g} seconds; try again.",
                retry_after=self._admission.retry_after(),
            )

    def _abandon(self, waiter: _Waiter) -> None:
        if not self._admission.withdraw(waiter):
            self._admission.release()
