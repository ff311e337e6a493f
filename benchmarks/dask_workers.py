"""Many Dask workers of one thread in one process, for `benchmarks.dask_curve`: their work is to sleep.

Arguments: the scheduler's file and the number of workers.
"""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import threading
import time
from typing import Any

_LATE_SECONDS = 0.2  # beyond these a thread had nothing to do
_thread = threading.local()


@dataclasses.dataclass(frozen=True)
class Sleep:
    """Takes as long as a file does, and gives a result of the same size.

    A thread that is woken too late, since fifty share a process, makes up for it with its next files.
    """

    seconds: float
    result: Any

    def __call__(self, item: Any) -> Any:
        """Sleep, and return the result."""
        now, due = time.monotonic(), getattr(_thread, "due", 0.0)
        _thread.due = (due if now - due < _LATE_SECONDS else now) + self.seconds
        time.sleep(max(_thread.due - now, 0))
        return self.result


async def main(scheduler_file: str, count: int) -> None:
    from distributed import Worker

    started = [Worker(scheduler_file=scheduler_file, nthreads=1, dashboard=False) for _ in range(count)]
    workers = await asyncio.gather(*started)
    await asyncio.gather(*(worker.finished() for worker in workers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
