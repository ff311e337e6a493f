"""The jobs' times in a file of SQLite, as text: no file can make the scheduler run anything but its own jobs.

APScheduler's own store for databases keeps pickles, and whoever can write to one can run code in the process that reads
it. Here a row says when which of the known jobs runs next, and nothing else; other rows are removed. The file is
readable and writable by its owner alone.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apscheduler.job import Job
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.triggers.interval import IntervalTrigger
from apscheduler.util import datetime_to_utc_timestamp
from sqlalchemy.exc import IntegrityError

#: Function that every job calls, with its name.
RUN_JOB = "aletheia.lifecycle.scheduling.jobs:run_job"
#: What all jobs have in common: late ones run once, however late, and never twice at a time.
COMMON = {"executor": "default", "misfire_grace_time": None, "coalesce": True, "max_instances": 1}


class JobStore(SQLAlchemyJobStore):  # type: ignore[misc]  # APScheduler has no types
    """Keeps interval and next run of the known jobs.

    Parameters
    ----------
    path : path
        The file; made with its folder if it is missing.
    names : collection of str
        The known jobs.
    """

    def __init__(self, path: str | Path, names: Any) -> None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)
        super().__init__(url=f"sqlite:///{path.absolute()}")
        self._names, self._is_closed = frozenset(names), False

    def get_due_jobs(self, now: datetime) -> list[Job]:
        """Return the jobs that are due; none after `shutdown`, at which APScheduler looks once more."""
        return [] if self._is_closed else list(super().get_due_jobs(now))

    def shutdown(self) -> None:
        """Close the file."""
        self._is_closed = True
        super().shutdown()

    def add_job(self, job: Job) -> None:
        """Store a new job."""
        insert = self.jobs_t.insert().values(id=job.id, **self._columns(job))
        with self.engine.begin() as connection:
            try:
                connection.execute(insert)
            except IntegrityError:
                raise ConflictingIdError(job.id) from None

    def update_job(self, job: Job) -> None:
        """Store when a job runs next."""
        update = self.jobs_t.update().values(**self._columns(job)).where(self.jobs_t.c.id == job.id)
        with self.engine.begin() as connection:
            if connection.execute(update).rowcount == 0:
                raise JobLookupError(job.id)

    def _columns(self, job: Job) -> dict[str, Any]:
        moment = job.next_run_time
        state = {"id": job.id, "every": job.trigger.interval_length, "next": moment and moment.timestamp()}
        return {"next_run_time": datetime_to_utc_timestamp(moment), "job_state": json.dumps(state).encode()}

    def _reconstitute_job(self, job_state: bytes) -> Job:
        state = json.loads(job_state)
        name, every = state["id"], float(state["every"])
        if name not in self._names or not 1 <= every < 1e9:
            raise ValueError(f"{name!r} every {every:g} s is no job of this project")
        moment = None if state["next"] is None else datetime.fromtimestamp(float(state["next"]), UTC)
        job = Job.__new__(Job)
        job.__setstate__(
            {
                **COMMON,
                "id": name,
                "name": name,
                "func": RUN_JOB,
                "args": (name,),
                "kwargs": {},
                "trigger": IntervalTrigger(seconds=every, timezone=UTC),
                "next_run_time": moment,
            }
        )
        job._scheduler, job._jobstore_alias = self._scheduler, self._alias
        return job
