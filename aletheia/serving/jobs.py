"""Jobs for long videos: accepted at once, answered later. Only the answer is kept."""

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
from aletheia.inference.options import PredictOptions
from aletheia.serving.admission import QueueFullError
from aletheia.serving.schemas import failure
from aletheia.serving.service import InferenceService

logger = logging.getLogger("aletheia.serving")

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
_RETRY_SECONDS = 30


@dataclasses.dataclass(eq=False)
class _Job:
    id: str
    file: IO[bytes]
    size: int
    frames: int
    options: PredictOptions | None = None
    key: str | None = None
    state: str = WAITING
    progress: float = 0.0
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        return self.state in (DONE, FAILED, CANCELLED)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of `aletheia.serving.schemas.Job`."""
        return {
            "id": self.id,
            "state": self.state,
            "progress": round(self.progress, 4),
            "result": self.result,
            "error": self.error,
        }


class Jobs:
    """Queue of videos that are answered one after the other; between two frames pictures pass.

    Parameters
    ----------
    service : InferenceService
        Answers; its configuration says how many jobs are kept.
    """

    def __init__(self, service: InferenceService) -> None:
        self._service = service
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, "jobs")

    def submit(
        self,
        file: IO[bytes],
        frames: int | None = None,
        options: PredictOptions | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        """Accept a video; the file, which needs no name, is closed when the job has ended or is refused.

        The key that its caller sent (see `InferenceService.assign`) is forgotten with the job.

        Returns
        -------
        dict
            See `aletheia.serving.schemas.Job`.

        Raises
        ------
        QueueFullError
            When none of the jobs that are kept has ended.
        RequestError
            For a number of frames out of range.
        """
        try:
            count = self._service.check_frames(frames)
            with self._lock:
                self._make_room()
                job = _Job(secrets.token_urlsafe(24), file, file.seek(0, os.SEEK_END), count, options, key)
                self._jobs[job.id] = job
        except BaseException:
            file.close()
            raise
        self._pool.submit(self._run, job)
        return job.to_dict()

    def get(self, job_id: str) -> dict[str, Any]:
        """Return the state of a job; RequestError when there is none with this id."""
        return self._find(job_id).to_dict()

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Stop a job, which ends with its current frame, or forget one that has ended.

        Raises
        ------
        RequestError
            When there is none with this id.
        """
        job = self._find(job_id)
        with self._lock:
            if job.ended:
                self._jobs.pop(job.id, None)
            else:
                if job.state == WAITING:  # its turn may be an hour away
                    job.file.close()
                job.state = CANCELLED
        return job.to_dict()

    def size(self) -> int:
        """Return the bytes of the files of all jobs that have not ended."""
        with self._lock:
            return sum(job.size for job in self._jobs.values() if not job.ended)

    def close(self) -> None:
        """Stop all jobs: their answers could not be fetched once the process is gone."""
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
        max_jobs = self._service.config.jobs
        ended = [job for job in self._jobs.values() if job.ended]
        for job in ended[: max(len(self._jobs) - max_jobs + 1, 0)]:  # the oldest first: dicts keep their order
            del self._jobs[job.id]
        if len(self._jobs) >= max_jobs:
            raise QueueFullError(len(self._jobs), _RETRY_SECONDS)

    def _run(self, job: _Job) -> None:
        with contextlib.closing(job.file):
            if not self._change_state(job, WAITING, RUNNING):
                return
            try:
                job.result = self._service.video_in_turn(
                    job.file, job.frames, lambda share: self._set_progress(job, share), None, job.options, job.key
                )
                self._change_state(job, RUNNING, DONE)
            except InputError as error:
                self._fail(job, getattr(error, "kind", "bad_request"), str(error))
            except Exception:
                logger.exception("a job failed")
                self._fail(job, "internal", "The service failed at this video; its log says why.")
            if job.state == CANCELLED:
                job.result = job.error = None

    def _fail(self, job: _Job, kind: str, message: str) -> None:
        job.error = failure(kind, message)["error"]
        if self._change_state(job, RUNNING, FAILED):
            self._service.metrics.count_error(kind)

    def _change_state(self, job: _Job, before: str, after: str) -> bool:
        """Change a job's state, unless it was cancelled meanwhile."""
        with self._lock:
            if job.state != before:
                return False
            job.state = after
            job.progress = 1.0 if after == DONE else job.progress
            return True

    @staticmethod
    def _set_progress(job: _Job, share: float) -> None:
        job.progress = share
        if job.state == CANCELLED:
            raise RequestError("cancelled", "The job was cancelled.")
