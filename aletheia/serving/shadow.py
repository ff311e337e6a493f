"""Shadow scoring: the model that does not answer scores the same picture afterwards, and nobody waits for it.

A picture that was answered joins a queue of few megabytes; what does not fit is dropped, and counted. It is scored when
a worker of the service is free, in a process of its own that gets processor time only when nobody else wants it. So a
model that is slow, damaged or crashes costs no answer and no time of one: the service hands over the pixels, no more.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.inference.errors import RequestError
from aletheia.lifecycle.prediction_log.entry import ShadowScore
from aletheia.serving.decode_process import DecodeProcess
from aletheia.serving.ipc import ChannelError, receive, send, shared_file

if TYPE_CHECKING:
    from aletheia.serving.admission import Admission
    from aletheia.serving.model_loading import LoadedModel

logger = logging.getLogger("aletheia.serving")

COMMAND = (sys.executable, "-m", "aletheia.serving.shadow_worker")
#: What became of a picture.
AGREED, DISAGREED, FAILED, DROPPED = "agreed", "disagreed", "failed", "dropped"
OUTCOMES = (AGREED, DISAGREED, FAILED, DROPPED)
#: The verdict that is noted where the model failed.
ERROR = "error"
_VERDICTS = ("real", "fake", "cannot tell", "no face found")
_POLL_SECONDS = 0.02  # while the service is busy
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds after a failure of the process, before it is started again


class ShadowTask(NamedTuple):
    """A picture (H, W, 3) uint8 that was answered at a time under an id, with a verdict, and who is to score it."""

    rgb: Array
    time: float
    id: str
    verdict: str
    model: LoadedModel


class ShadowScorer:
    """Scores pictures in the background.

    Parameters
    ----------
    admission : Admission
        Of the service; while it has no free worker nothing is begun.
    note : callable
        Gets what the model said, for the prediction log.
    count : callable
        Gets one of `OUTCOMES` for each picture.
    max_bytes : int
        Of the pixels that wait, at most.
    timeout : float
        Seconds for a picture.
    command : sequence of str, optional
        Command to run, see `aletheia.serving.decode_process.DecodeProcess`.
    """

    def __init__(
        self,
        admission: Admission,
        note: Callable[[ShadowScore], None],
        count: Callable[[str], None],
        *,
        max_bytes: int,
        timeout: float,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._admission, self._note, self._count = admission, note, count
        self._max_bytes, self._timeout, self._command = max_bytes, timeout, command
        self._tasks: deque[ShadowTask] = deque()
        self._bytes = 0
        self._changed, self._stopped = threading.Condition(), threading.Event()
        self._process: DecodeProcess | None = None
        self._pause, self._not_before = _FIRST_PAUSE, 0.0
        self._thread = threading.Thread(target=self._run, daemon=True, name="shadow")
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Pictures that wait."""
        return len(self._tasks)

    def offer(self, task: ShadowTask) -> None:
        """Take a picture, if there is room; returns at once."""
        with self._changed:
            fits = self._bytes + task.rgb.nbytes <= self._max_bytes and not self._stopped.is_set()
            if fits:
                self._bytes += task.rgb.nbytes
                self._tasks.append(task)
                self._changed.notify()
        if not fits:
            self._count(DROPPED)

    def close(self) -> None:
        """End the process; what waits is dropped."""
        self._stopped.set()
        with self._changed:
            self._changed.notify()
        process = self._process
        if process is not None:
            process.interrupt()
        self._thread.join()
        for _ in self._tasks:
            self._count(DROPPED)
        self._tasks.clear()

    def _run(self) -> None:
        while (task := self._next()) is not None:
            try:
                outcome = self._score(task)
            except Exception:  # nothing that happens here may end the thread
                logger.exception("the shadow failed")
                outcome = FAILED
            if outcome == FAILED:
                self._note(ShadowScore(task.time, task.id, ERROR))
            self._count(outcome)
        if self._process is not None:
            self._process.kill()

    def _next(self) -> ShadowTask | None:
        """Wait for a picture and a free worker; None when the service ends."""
        with self._changed:
            while not self._tasks and not self._stopped.is_set():
                self._changed.wait()
        while not self._admission.has_spare():
            if self._stopped.wait(_POLL_SECONDS):
                break
        if self._stopped.is_set():
            return None
        with self._changed:
            task = self._tasks.popleft()
            self._bytes -= task.rgb.nbytes
        return task

    def _score(self, task: ShadowTask) -> str:
        if time.monotonic() < self._not_before:
            return DROPPED
        try:
            verdict, probability = self._ask(task)
        except InputError as error:
            reason = "it took too long" if isinstance(error, _TooSlowError) else str(error)
            self._report(f"{task.model.uri}: {reason}")
            return FAILED
        self._pause = _FIRST_PAUSE
        self._note(ShadowScore(task.time, task.id, verdict, probability))
        return AGREED if verdict == task.verdict else DISAGREED

    def _ask(self, task: ShadowTask) -> tuple[str, float | None]:
        """Have a picture scored; InputError with the reason when that fails, after which the process is a new one."""
        process, is_usable = self._process or DecodeProcess(self._command, 0), False
        self._process = process
        try:
            process.wait_until_ready()
            request = {
                "shape": list(task.rgb.shape),
                "folder": str(task.model.folder.resolve()),
                "precision": task.model.precision,
                "version": task.model.version,
            }
            descriptor = shared_file(task.rgb.data)
            try:
                send(process.link, request, descriptor)
            finally:
                os.close(descriptor)
            answer, extra = receive(process.link, self._timeout)
            if extra is not None:
                os.close(extra)
            if "error" in answer:
                is_usable = True
                raise InputError(str(answer["error"])[:500])
            verdict, probability = answer.get("verdict"), answer.get("probability")
            if verdict not in _VERDICTS or not isinstance(probability, float | None):
                raise ChannelError("an answer that is none")
            is_usable = True
            return str(verdict), probability
        except TimeoutError:
            raise _TooSlowError from None
        except RequestError as error:
            raise InputError(f"its process does not start: {error}") from None
        except ChannelError as error:
            raise InputError(f"its process failed: {error}") from None
        finally:
            if not is_usable:
                self._process = None
                process.kill()

    def _report(self, text: str) -> None:
        """Log a failure, and drop what comes for a while that doubles with each failure in a row."""
        logger.warning("the shadow failed, and is tried again in %g s: %s", self._pause, text)
        self._not_before = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)


class _TooSlowError(InputError):
    """There is no answer within the time."""
