"""Who is answered now, who waits, and who is told to come again: a bounded queue that tells how long it takes."""

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

# Weight of the latest request in the running mean of how long one takes.
_LATEST = 0.2


class QueueFullError(RequestError):
    """Too many wait already."""

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


class Admission:
    """At most `workers` work side by side, in the order in which they came; at most `queue` wait.

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
        self._waiting: deque[concurrent.futures.Future[None]] = deque()
        self._bounded = 0  # of those that wait, how many the limit is for
        self._seconds = 0.0  # running mean of a turn

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    @property
    def working(self) -> int:
        """Turns that are held."""
        return self.workers - self._free

    def turn(self, timeout: float | None = None) -> _Entrance:
        """A context manager, for threads and coroutines, that holds a turn.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait for it at most.

        Raises
        ------
        Busy
            On entering, at once, when the queue is full.
        Refused
            On entering, when the time is up.
        """
        return _Entrance(self, timeout)

    @contextlib.contextmanager
    def patient(self) -> Iterator[Turn]:
        """A turn for work that nobody waits for: it queues like all others, but is never told to come again."""
        with _Entrance(self, None, bounded=False) as turn:
            yield turn

    def check(self) -> None:
        """Raise Busy when the queue is full: before a body is taken in for nothing."""
        with self._lock:
            if not self._free and self._bounded >= self.queue:
                raise QueueFullError(self._bounded, self.retry_after())

    def retry_after(self) -> int:
        """Whole seconds after which the queue should have gone down by one, as fast as it has been going."""
        return max(1, math.ceil(self._seconds * (len(self._waiting) + 1) / self.workers))

    def ask(self, bounded: bool) -> concurrent.futures.Future[None]:
        """A future that is done when the turn has come."""
        future: concurrent.futures.Future[None] = concurrent.futures.Future()
        with self._lock:
            if self._free and not self._waiting:
                self._free -= 1
                future.set_result(None)
                return future
            if bounded and self._bounded >= self.queue:
                raise QueueFullError(self._bounded, self.retry_after())
            future.bounded = bounded  # type: ignore[attr-defined]
            self._bounded += bounded
            self._waiting.append(future)
        return future

    def leave(self, future: concurrent.futures.Future[None]) -> bool:
        """Stop waiting; False when the turn has come already."""
        with self._lock:
            if future not in self._waiting:
                return False
            self._waiting.remove(future)
            self._bounded -= future.bounded  # type: ignore[attr-defined]
            return True

    def release(self, seconds: float | None = None) -> None:
        """Hand the turn, which was held for so long, to the next who waits."""
        with self._lock:
            if seconds is not None:
                mean = self._seconds or seconds
                self._seconds = mean + _LATEST * (seconds - mean)
            if self._waiting:
                future = self._waiting.popleft()
                self._bounded -= future.bounded  # type: ignore[attr-defined]
                future.set_result(None)
            else:
                self._free += 1


class _Entrance:
    """See `Admission.turn`; used once."""

    def __init__(self, admission: Admission, timeout: float | None, bounded: bool = True) -> None:
        self._admission, self._timeout, self._bounded = admission, timeout, bounded
        self._began = 0.0

    def __enter__(self) -> Turn:
        asked = time.perf_counter()
        future = self._admission.ask(self._bounded)
        try:
            future.result(self._timeout)
        except concurrent.futures.TimeoutError:
            self._too_late(future)
        except BaseException:
            self._give_up(future)
            raise
        return self._come(asked)

    async def __aenter__(self) -> Turn:
        asked = time.perf_counter()
        future = self._admission.ask(self._bounded)
        if not future.done():
            try:
                # Shielded: a future that asyncio cancels could no longer be told from one whose turn has come.
                await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), self._timeout)
            except TimeoutError:
                self._too_late(future)
            except BaseException:
                self._give_up(future)
                raise
        return self._come(asked)

    def __exit__(self, *_: object) -> None:
        self._admission.release(time.perf_counter() - self._began)

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()

    def _come(self, asked: float) -> Turn:
        self._began = time.perf_counter()
        return Turn(self._began - asked)

    def _too_late(self, future: concurrent.futures.Future[None]) -> None:
        """The time is up, unless the turn has come just now."""
        if self._admission.leave(future):
            raise RequestError(
                "timeout",
                f"The turn did not come within {self._timeout:g} seconds; try again.",
                retry_after=self._admission.retry_after(),
            )

    def _give_up(self, future: concurrent.futures.Future[None]) -> None:
        if not self._admission.leave(future):
            self._admission.release()
