"""Map a function over many files, on processes or a Dask cluster, with results in order.

A file that kills the process that reads it (a decoder's defect, too little memory) costs its own result and no other.
"""

from __future__ import annotations

import collections
import functools
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

import cv2

from aletheia.core.errors import InputError
from aletheia.core.lifetime import end_with_parent

R = TypeVar("R")
T = TypeVar("T")  # a path, or a tuple that holds one

_WINDOW = 16  # files queued for each worker: enough never to wait, few enough to drop on Ctrl-C
_BATCH = 8  # files of one task on a cluster


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
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    cv2.setNumThreads(1)  # the processes already share the cores


def map_dask(work: Callable[[str], R], paths: Sequence[str], client: Any, on_crash: Callable[[str], R]) -> Iterator[R]:
    """Apply `work` to each path on the workers of a Dask cluster; yield the results in order.

    The workers must see the same files under the same paths.

    Parameters
    ----------
    work : callable
        Must be picklable.
    paths : sequence of str
    client : distributed.Client
        A task whose worker died is tried again on another one; when it kills three, its files are tried one by one.
    on_crash : callable
        Gives the result for a file that killed its workers even when it ran alone.
    """
    from distributed.scheduler import KilledWorker

    def submit(batch: Sequence[str]) -> Any:
        return client.submit(functools.partial(_apply_to_each, work), batch, pure=False)

    batches = collections.deque(paths[k : k + _BATCH] for k in range(0, len(paths), _BATCH))
    window = 2 * max(len(client.scheduler_info()["workers"]), 1)
    waiting: collections.deque[tuple[Sequence[str], Any]] = collections.deque()
    try:
        while batches or waiting:
            while batches and len(waiting) < window:
                batch = batches.popleft()
                waiting.append((batch, submit(batch)))
            batch, future = waiting.popleft()
            try:
                yield from future.result()
            except KilledWorker:
                for path in batch:
                    try:
                        yield from submit([path]).result()
                    except KilledWorker:
                        yield on_crash(path)
    finally:
        client.cancel([future for _, future in waiting])


def _apply_to_each(work: Callable[[str], R], paths: Sequence[str]) -> list[R]:
    return [work(path) for path in paths]
