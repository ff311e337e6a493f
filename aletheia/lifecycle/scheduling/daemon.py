"""The scheduler's process: one for each ALETHEIA_HOME, ended by SIGTERM, its times kept in a file."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aletheia.core.errors import InputError
from aletheia.core.lifetime import importable_environment
from aletheia.core.process_lock import holder, process_lock
from aletheia.core.settings import get_settings
from aletheia.lifecycle.retraining.record import RetrainingRecord, read_record
from aletheia.lifecycle.scheduling.config import Schedule
from aletheia.lifecycle.scheduling.results import JobResult, ResultLog

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

#: Seconds after its first start until a job runs first; later starts go by the file.
FIRST = 5.0
_STARTED, _STOPPED = 120.0, 60.0  # seconds that start and stop wait
_LOG_BYTES = 5_000_000
_RUNS = "The scheduler runs."  # printed as soon as no file of its can be in the way any more


@dataclasses.dataclass(frozen=True)
class JobStatus:
    """A job: when it runs next (seconds since 1970, None where it does not), and its last runs, the newest first."""

    name: str
    next_run: float | None
    last: list[JobResult]


@dataclasses.dataclass(frozen=True)
class Status:
    """What is known of the scheduler: its process (None when it does not run), its jobs, the last retraining."""

    pid: int | None
    jobs: list[JobStatus]
    retraining: RetrainingRecord | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        jobs = [dataclasses.asdict(job) for job in self.jobs]
        return {"pid": self.pid, "jobs": jobs, "retraining": self.retraining and self.retraining.model_dump()}


def store_path() -> Path:
    """Return the file of times and results."""
    return get_settings().home / "schedule.sqlite"


def lock_path() -> Path:
    """Return the file of the lock that the scheduler holds."""
    return get_settings().home / "scheduler.lock"


def output_path() -> Path:
    """Return the file that takes what the scheduler and its children print."""
    return get_settings().home / "scheduler.log"


def run_scheduler(schedule: Schedule, folder: Path) -> None:
    """Run the jobs until SIGTERM or SIGINT comes.

    Parameters
    ----------
    schedule : Schedule
    folder : Path
        Of the project.

    Raises
    ------
    InputError
        When another scheduler of this ALETHEIA_HOME runs, the file of times is damaged, or that of the rules of alerts
        cannot be read.
    """
    from aletheia.lifecycle.alerts.rules import read_alerts
    from aletheia.lifecycle.scheduling.jobs import Jobs, use_jobs

    read_alerts(schedule.alerts.rules)  # else each look would fail, and nobody be told of any alert
    stop = threading.Event()
    with process_lock(lock_path(), "The scheduler"):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        jobs = Jobs(schedule, ResultLog(store_path()), folder, output_path())
        use_jobs(jobs)
        scheduler = start_jobs(schedule, store_path())
        print(_RUNS, file=sys.stderr, flush=True)
        try:
            stop.wait()
        finally:
            jobs.stop()
            scheduler.shutdown(wait=True)


def start_jobs(schedule: Schedule, store: Path) -> BackgroundScheduler:
    """Start the jobs of a schedule in threads; those that the file knows with the same interval keep their times.

    Raises
    ------
    InputError
        When the file is damaged.
    """
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.background import BackgroundScheduler
    from sqlalchemy.exc import DatabaseError

    from aletheia.lifecycle.scheduling.job_store import RUN_JOB, JobStore

    wanted = schedule.intervals()
    threads = ThreadPoolExecutor(max(len(wanted), 1))
    try:
        jobs = JobStore(store, ("alerts", "retrain", "prune", "reconcile"))
        scheduler = BackgroundScheduler(jobstores={"default": jobs}, executors={"default": threads}, timezone=UTC)
        scheduler.start(paused=True)
        known = {job.id: job for job in scheduler.get_jobs()}
    except DatabaseError as error:
        raise InputError(f"{store} is damaged ({error.orig}); delete it, and the jobs begin anew.") from None
    for name in known.keys() - wanted.keys():
        scheduler.remove_job(name)
    for place, (name, every) in enumerate(wanted.items()):
        if name in known and known[name].trigger.interval_length == every and known[name].next_run_time:
            continue
        first = datetime.now(UTC) + timedelta(seconds=min(every, FIRST + place))
        options = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1, "replace_existing": True}
        scheduler.add_job(RUN_JOB, "interval", (name,), id=name, seconds=every, next_run_time=first, **options)
    scheduler.resume()
    return scheduler


def start_scheduler(folder: Path, arguments: Sequence[str] = ()) -> int:
    """Start the scheduler in the background; returns its process.

    Parameters
    ----------
    folder : Path
        Of the project.
    arguments : sequence of str
        Of ``aletheia lifecycle start --foreground``.

    Raises
    ------
    InputError
        When one runs already, or it ends at once.
    """
    if pid := holder(lock_path()):
        raise InputError(f"The scheduler runs already (process {pid}).")
    log = output_path()
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
    with log.open("ab") as output:
        begin = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "aletheia.cli", "lifecycle", "start", "--foreground", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=importable_environment(),
            start_new_session=True,  # Ctrl-C and the closing of a terminal must not end it
        )
    deadline = time.monotonic() + _STARTED
    while time.monotonic() < deadline:
        if process.poll() is not None:
            lines = log.read_bytes()[begin:].decode("utf-8", "replace").strip().splitlines()
            said = lines[-1].removeprefix("aletheia: ") if lines else f"see {log}"
            raise InputError(f"The scheduler did not start: {said}")
        if f"{_RUNS}\n".encode() in log.read_bytes()[begin:]:
            return process.pid
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise InputError(f"The scheduler did not start within {_STARTED:.0f} s; it was ended. See {log}.")


def stop_scheduler() -> bool:
    """End the scheduler, and with it a retraining that it runs; False when none runs.

    Raises
    ------
    InputError
        When it does not end in time.
    """
    pid = holder(lock_path())
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOPPED
    while holder(lock_path()) is not None:
        if time.monotonic() > deadline:
            raise InputError(f"The scheduler (process {pid}) did not end within {_STOPPED:.0f} s.")
        time.sleep(0.05)
    return True


def scheduler_status(runs: int = 1) -> Status:
    """Return what is known of the scheduler and its jobs; also when it does not run.

    Parameters
    ----------
    runs : int
        Last runs of each job.

    Raises
    ------
    InputError
        When one of its files is damaged.
    """
    results = ResultLog(store_path())
    jobs = [JobStatus(name, moment, results.last(name, runs)) for name, moment in results.next_runs().items()]
    return Status(holder(lock_path()), sorted(jobs, key=lambda job: job.name), read_record())
