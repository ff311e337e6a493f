"""Spreading work on many files over processes or a Dask cluster, results in order.

A file that kills the process that reads it (a decoder's defect, too little memory) costs its own result and no other.
"""

from __future__ import annotations

import collections
import functools
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

R = TypeVar("R")

_WINDOW = 16  # files a worker has before it: enough never to wait, few enough to forget on Ctrl-C
_BATCH = 8  # files of one task on a cluster


def in_processes(work: Callable[[str], R], paths: Sequence[str], workers: int, died: Callable[[str], R]) -> Iterator[R]:
    """Results of `work` for each path, in the order of the paths.

    Parameters
    ----------
    work : callable
        Must survive pickling; what it holds is built anew in each process.
    paths : sequence of str
    workers : int
        Processes.
    died : callable
        The result for a path that killed its process even when it was alone.
    """
    left = collections.deque(paths)
    waiting: collections.deque[tuple[str, Future]] = collections.deque()
    pool = _pool(workers)
    try:
        while left or waiting:
            while left and len(waiting) < _WINDOW * workers:
                path = left.popleft()
                waiting.append((path, pool.submit(work, path)))
            try:
                yield waiting[0][1].result()
                waiting.popleft()
            except BrokenProcessPool:
                # Whose fault it was is not said: those that were under way are tried one by one.
                pool.shutdown(wait=False, cancel_futures=True)
                suspects = [path for path, _ in waiting]
                waiting.clear()
                yield from _one_by_one(work, suspects, died)
                pool = _pool(workers)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _one_by_one(work: Callable[[str], R], paths: Sequence[str], died: Callable[[str], R]) -> Iterator[R]:
    pool = _pool(1)
    try:
        for path in paths:
            try:
                yield pool.submit(work, path).result()
            except BrokenProcessPool:
                yield died(path)
                pool = _pool(1)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _pool(workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: OpenVINO, OpenCV and torch hold threads, which do not survive a fork.
    context = multiprocessing.get_context("spawn")
    # Ctrl-C is the parent's business.
    return ProcessPoolExecutor(workers, context, signal.signal, (signal.SIGINT, signal.SIG_IGN))


def on_dask(work: Callable[[str], R], paths: Sequence[str], client: Any, died: Callable[[str], R]) -> Iterator[R]:
    """As `in_processes`, on the workers of a Dask cluster; they must see the same files under the same paths.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster. A task whose worker died is tried again on another one; when it kills three, its files are tried
        one by one.
    """
    from distributed.scheduler import KilledWorker

    def submit(batch: Sequence[str]) -> Future:
        return client.submit(functools.partial(_each, work), batch, pure=False)

    batches = collections.deque(paths[k : k + _BATCH] for k in range(0, len(paths), _BATCH))
    window = 2 * max(len(client.scheduler_info()["workers"]), 1)
    waiting: collections.deque[tuple[Sequence[str], Future]] = collections.deque()
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
                        yield died(path)
    finally:
        client.cancel([future for _, future in waiting])


def _each(work: Callable[[str], R], paths: Sequence[str]) -> list[R]:
    return [work(path) for path in paths]
