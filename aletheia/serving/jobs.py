"""Long videos: taken at once, answered later. Nothing of them is kept but the answer."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from aletheia.core.errors import InputError
from aletheia.inference.errors import RequestError
from aletheia.serving.admission import QueueFullError
from aletheia.serving.schemas import failure
from aletheia.serving.service import Service

logger = logging.getLogger("aletheia.serving")

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
_RETRY_SECONDS = 30


@dataclasses.dataclass(eq=False)
class _Job:
    id: str
    file: IO[bytes]
    size: int
    frames: int
    state: str = WAITING
    progress: float = 0.0
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        return self.state in (DONE, FAILED, CANCELLED)

    def told(self) -> dict[str, Any]:
        """As `aletheia.serving.schemas.Job`."""
        return {
            "id": self.id,
            "state": self.state,
            "progress": round(self.progress, 4),
            "result": self.result,
            "error": self.error,
        }


class Jobs:
    """Videos at work, one after the other; between two frames pictures pass.

    Parameters
    ----------
    service : Service
        Who answers; its configuration says how many jobs are kept.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, "jobs")

    def submit(self, file: IO[bytes], frames: int | None = None) -> dict[str, Any]:
        """Take a video; the file, which needs no name, is closed when the job has ended, or when it is not taken.

        Returns
        -------
        dict
            See `aletheia.serving.schemas.Job`.

        Raises
        ------
        Busy
            When as many as are kept have not ended yet.
        Refused
            For a number of frames out of range.
        """
        try:
            count = self._service.check_frames(frames)
            with self._lock:
                self._make_room()
                job = _Job(secrets.token_urlsafe(24), file, file.seek(0, os.SEEK_END), count)
                self._jobs[job.id] = job
        except BaseException:
            file.close()
            raise
        self._pool.submit(self._run, job)
        return job.told()

    def get(self, job_id: str) -> dict[str, Any]:
        """How far a job is; Refused when there is none of that id."""
        return self._find(job_id).told()

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Stop a job, which ends with the frame it is at, or forget one that has ended.

        Raises
        ------
        Refused
            When there is none of that id.
        """
        job = self._find(job_id)
        with self._lock:
            if job.ended:
                self._jobs.pop(job.id, None)
            else:
                if job.state == WAITING:  # its turn may be an hour away
                    job.file.close()
                job.state = CANCELLED
        return job.told()

    def size(self) -> int:
        """Bytes of the files that wait or are looked at."""
        with self._lock:
            return sum(job.size for job in self._jobs.values() if not job.ended)

    def close(self) -> None:
        """Stop them all: nobody could fetch an answer from a process that is gone."""
        with self._lock:
            for job in self._jobs.values():
                if not job.ended:
                    job.state = CANCELLED
        self._pool.shutdown(wait=True)

    def _find(self, job_id: str) -> _Job:
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            raise RequestError("not_found", "There is no such job; it was cancelled, or newer ones took its place.")
        return job

    def _make_room(self) -> None:
        most = self._service.config.jobs
        ended = [job for job in self._jobs.values() if job.ended]
        for job in ended[: max(len(self._jobs) - most + 1, 0)]:  # the oldest first: dicts keep their order
            del self._jobs[job.id]
        if len(self._jobs) >= most:
            raise QueueFullError(len(self._jobs), _RETRY_SECONDS)

    def _run(self, job: _Job) -> None:
        with contextlib.closing(job.file):
            if not self._turn(job, WAITING, RUNNING):
                return
            try:
                job.result = self._service.video_in_turn(
                    job.file, job.frames, lambda share: self._tell(job, share), None
                )
                self._turn(job, RUNNING, DONE)
            except InputError as error:
                self._fail(job, getattr(error, "kind", "bad_request"), str(error))
            except Exception:
                logger.exception("a job failed")
                self._fail(job, "internal", "The service failed at this video; its log says why.")
            if job.state == CANCELLED:
                job.result = job.error = None

    def _fail(self, job: _Job, kind: str, message: str) -> None:
        job.error = failure(kind, message)["error"]
        if self._turn(job, RUNNING, FAILED):
            self._service.metrics.errors.labels(kind).inc()

    def _turn(self, job: _Job, before: str, after: str) -> bool:
        """Change a job's state, unless it was cancelled meanwhile."""
        with self._lock:
            if job.state != before:
                return False
            job.state = after
            job.progress = 1.0 if after == DONE else job.progress
            return True

    @staticmethod
    def _tell(job: _Job, share: float) -> None:
        job.progress = share
        if job.state == CANCELLED:
            raise RequestError("cancelled", "The job was cancelled.")
