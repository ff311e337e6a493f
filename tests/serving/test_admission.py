"""Admission control: in order, bounded, shared by threads and coroutines."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time

import pytest

from aletheia.inference.errors import RequestError
from aletheia.serving.admission import Admission, QueueFullError

from ..waiting import PATIENCE


@pytest.mark.parametrize("workers", [1, 2])
def test_turn_order_and_number(until, workers):
    admission, order, working, most = Admission(workers, 50), [], [], []
    together = threading.Barrier(workers, timeout=PATIENCE)  # nobody goes on alone: that would change the order

    def work(number: int) -> None:
        with admission.turn() as turn:
            order.append(number)
            working.append(number)
            most.append(len(working))
            together.wait()
            time.sleep(0.01)
            working.remove(number)
        waited[number] = turn.waited

    waited: dict[int, float] = {}
    with contextlib.ExitStack() as held:
        for _ in range(workers):
            held.enter_context(admission.turn())
        threads = []
        for number in range(10):
            threads.append(threading.Thread(target=work, args=(number,)))
            threads[-1].start()
            until(lambda: admission.waiting == len(threads))
    for thread in threads:
        thread.join()
    assert sorted(order) == list(range(10))
    # Two whose turns come together may be recorded in either order.
    assert all(abs(place - number) < workers for place, number in enumerate(order))
    assert max(most) == workers
    assert waited[0] > 0
    assert waited[9] >= 0.01 * ((9 - workers) // workers)  # the turns before it, each of which takes that long at least
    assert (admission.waiting, admission.working) == (0, 0)


def test_turn_queue_full(until):
    admission = Admission(1, 2)
    threads = []
    with admission.turn():
        for _ in range(2):
            threads.append(threading.Thread(target=lambda: admission.turn().__enter__() and admission.release()))
            threads[-1].start()
            until(lambda: admission.waiting == len(threads))
        with pytest.raises(QueueFullError, match="2 requests are waiting") as busy:
            admission.turn().__enter__()
        with pytest.raises(QueueFullError):
            admission.check()
        assert (busy.value.status, busy.value.retry_after) == (429, 1)
        # Background work is not refused.
        background = threading.Thread(target=lambda: admission.unbounded_turn().__enter__())
        background.start()
        until(lambda: admission.waiting == 3)
    for thread in (*threads, background):
        thread.join()


def test_retry_after_measured():
    admission = Admission(2, 0)
    admission.release(10.0)
    admission.release(10.0)
    assert admission.retry_after() == 5
    for _ in range(60):
        admission.release(40.0)
    assert admission.retry_after() == 20


def test_turn_timeout():
    admission = Admission(1, 5)
    with admission.turn():
        with pytest.raises(RequestError, match=r"within 0\.05 seconds") as refused:
            admission.turn(0.05).__enter__()
        assert refused.value.status == 504
        assert admission.waiting == 0

        async def wait() -> None:
            async with admission.turn(0.05):
                pass

        with pytest.raises(RequestError, match="within"):
            asyncio.run(wait())
        assert admission.waiting == 0
    with admission.turn(0.05):
        pass


TIMEOUTS = (None, 0.0005, 0.003)


def take_turns(admission: Admission, rng: random.Random) -> None:
    """Take thirty turns in a thread, some of which time out."""
    for _ in range(30):
        with contextlib.suppress(RequestError), admission.turn(rng.choice(TIMEOUTS)):
            assert admission.working <= 3
            time.sleep(0.0005)


async def take_turns_in_tasks(admission: Admission, rng: random.Random) -> None:
    """Take thirty turns in tasks, some of which time out or are cancelled at a random moment."""

    async def take_turn() -> None:
        async with admission.turn(rng.choice(TIMEOUTS)):
            assert admission.working <= 3
            await asyncio.sleep(0.0005)

    for _ in range(30):
        task = asyncio.create_task(take_turn())
        if rng.random() < 0.5:
            await asyncio.sleep(rng.random() * 0.002)
            task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and task.exception():
            assert isinstance(task.exception(), RequestError)


def test_turn_shared_by_threads_and_coroutines():
    """Waiters give up at any moment, early, late or while the turn comes: in the end all turns are free."""
    admission, rng = Admission(3, 1000), random.Random(0)

    async def coroutines() -> None:
        await asyncio.gather(*(take_turns_in_tasks(admission, rng) for _ in range(8)))

    threads = [threading.Thread(target=take_turns, args=(admission, rng)) for _ in range(8)]
    for thread in threads:
        thread.start()
    asyncio.run(coroutines())
    for thread in threads:
        thread.join()
    assert (admission.waiting, admission.working) == (0, 0)
    with admission.turn(0), admission.turn(0), admission.turn(0):
        assert admission.working == 3


def test_turn_released_on_error():
    admission = Admission(1, 0)
    with pytest.raises(KeyError), admission.turn():
        raise KeyError
    with admission.turn():
        pass
