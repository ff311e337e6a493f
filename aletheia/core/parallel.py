"""Map a function over many files, on processes or a Dask cluster, with results in order.

A file that kills the process that reads it (a decoder's defect, too little memory) costs its own result and no other.
"""

from __future__ import annotations

import collections
import math
import multiprocessing
import pickle
import signal
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from aletheia.core.errors import InputError
from aletheia.core.lifetime import end_with_parent

R = TypeVar("R")
T = TypeVar("T")  # a path, or a tuple that holds one

_WINDOW = 16  # files queued for each worker: enough never to wait, few enough to drop on Ctrl-C
_TASK_SECONDS = 2.0  # of a task on a cluster: the scheduler's milliseconds count little, and a lost task costs little
_GROWTH = 4  # of the tasks at most, from one to the next: the first result may not be typical


def map_processes(work: Callable[[T], R], items: Sequence[T], workers: int, on_crash: Callable[[T], R]) -> Iterator[R]:
    """Apply `work` to each item in worker processes; yield the results in order.

    Parameters
    ----------
    work : callable
        Must be picklable, and is sent along with every item: it should be small.
    items : sequence
        Paths, or tuples that hold one.
    workers : int
        Processes.
    on_crash : callable
        Gives the result for an item that killed its process even when it ran alone.
    """
    left = collections.deque(items)
    waiting: collections.deque[tuple[T, Future[R]]] = collections.deque()
    pool = _pool(workers)
    try:
        while left or waiting:
            try:
                while left and len(waiting) < _WINDOW * workers:
                    waiting.append((left[0], pool.submit(work, left[0])))
                    left.popleft()
                result = waiting[0][1].result()
            except BrokenProcessPool:
                pool.shutdown(wait=False, cancel_futures=True)
                yield from _retry_alone(work, waiting, on_crash)
                waiting.clear()
                pool = _pool(workers)
            else:
                waiting.popleft()
                yield result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _retry_alone(
    work: Callable[[T], R], waiting: Iterable[tuple[T, Future[R]]], on_crash: Callable[[T], R]
) -> Iterator[R]:
    """Yield the results of the items in flight when a process died: the pool does not tell whose fault it was."""
    pool = _pool(1)
    try:
        for item, future in waiting:
            if not future.cancelled() and not isinstance(future.exception(), BrokenProcessPool):
                yield future.result()
                continue
            try:
                yield pool.submit(work, item).result()
            except BrokenProcessPool:
                pool = _pool(1)
                _check_startable(pool)
                yield on_crash(item)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _check_startable(pool: ProcessPoolExecutor) -> None:
    """Raise an InputError when no process can be started at all, before a file is blamed for it."""
    try:
        pool.submit(int).result()
    except BrokenProcessPool:
        raise InputError(
            "Worker processes cannot be started: there is too little memory, or the script that asks for them does so "
            "outside of `if __name__ == '__main__':`. Mend that, or work with one worker (ALETHEIA_WORKERS=1)."
        ) from None


def _pool(workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: OpenVINO, OpenCV and torch hold threads, which do not survive a fork.
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _initialise_worker)


def _initialise_worker() -> None:
    import cv2  # not for the scheduler of a cluster, which imports this module

    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    cv2.setNumThreads(1)  # the processes already share the cores


def map_dask(work: Callable[[T], R], paths: Sequence[T], client: Any, on_crash: Callable[[T], R]) -> Generator[R]:
    """Apply `work` to each path on the workers of a Dask cluster; yield the results in order.

    The workers must find what a path names: the same files under the same paths, or objects of a bucket. The scheduler
    needs none of them, and nothing that `work` imports.

    Parameters
    ----------
    work : callable
        Must be picklable.
    paths : sequence
        Texts, addresses, or whatever else one call of `work` takes. The first tasks have one each, later ones as many
        as take some two seconds, and the last ones fewer, so that all workers end at about the same time.
    client : distributed.Client
        A task whose worker died is tried again on another one; when it kills three, its files are tried one by one.
    on_crash : callable
        Gives the result for a file that killed its workers even when it ran alone.
    """
    from distributed.protocol.pickle import dumps
    from distributed.scheduler import KilledWorker

    def submit(batch: Sequence[T]) -> Any:
        # As bytes: the scheduler unpickles a task, and would import the modules of `work`, which takes a second.
        pickled = dumps((work, batch))  # type: ignore[no-untyped-call]  # distributed leaves it untyped
        return client.submit(_apply_to_each, pickled, pure=False)

    start, size = 0, 1
    waiting: collections.deque[tuple[Sequence[T], Any]] = collections.deque()
    try:
        while start < len(paths) or waiting:
            window = 2 * max(sum(client.nthreads().values()), 1)  # workers come and go
            while start < len(paths) and len(waiting) < window:
                batch = paths[start : start + min(size, math.ceil((len(paths) - start) / window))]
                start += len(batch)
                waiting.append((batch, submit(batch)))
            batch, future = waiting.popleft()
            try:
                results, seconds = future.result()
            except KilledWorker:
                for path in batch:
                    try:
                        yield from submit([path]).result()[0]
                    except KilledWorker:
                        yield on_crash(path)
            else:
                yield from results
                fitting = len(batch) * _TASK_SECONDS / max(seconds, 1e-9)
                size = int(min(max(fitting, 1), _GROWTH * len(batch)))
    finally:
        client.cancel([future for _, future in waiting])


def _apply_to_each(pickled: bytes) -> tuple[list[Any], float]:
    """Apply a function to each item; also say how many seconds that took."""
    started = time.perf_counter()
    work, items = pickle.loads(pickled)
    return [work(item) for item in items], time.perf_counter() - started
