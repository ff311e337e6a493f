"""Jobs in a file: their times survive, and no file makes the scheduler run anything else."""

from __future__ import annotations

import json
import pickle
import sqlite3
from datetime import UTC, datetime

import pytest
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from aletheia.lifecycle.scheduling.job_store import RUN_JOB, JobStore

NEXT = datetime(2035, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def scheduler(tmp_path):
    """Provide a function that starts a paused scheduler on the file; all are shut down."""
    started = []

    def start(names=("alerts", "retrain")):
        one = BackgroundScheduler(
            jobstores={"default": JobStore(tmp_path / "home" / "jobs.sqlite", names)}, timezone=UTC
        )
        one.start(paused=True)
        started.append(one)
        return one

    yield start
    for one in started:
        one.shutdown(wait=False)


def add(scheduler, name: str, every: float = 60.0):
    scheduler.add_job(RUN_JOB, "interval", (name,), id=name, seconds=every, next_run_time=NEXT)


def rows(tmp_path) -> dict:
    with sqlite3.connect(tmp_path / "home" / "jobs.sqlite") as connection:
        return dict(connection.execute("SELECT id, job_state FROM apscheduler_jobs"))


def test_times_survive_as_text(scheduler, tmp_path):
    first = scheduler()
    add(first, "alerts", 90)
    assert json.loads(rows(tmp_path)["alerts"]) == {"id": "alerts", "every": 90.0, "next": NEXT.timestamp()}
    assert (tmp_path / "home" / "jobs.sqlite").stat().st_mode & 0o777 == 0o600
    (job,) = scheduler().get_jobs()
    assert (job.id, job.next_run_time, job.trigger.interval_length) == ("alerts", NEXT, 90)
    assert (job.max_instances, job.coalesce, job.misfire_grace_time, job.args) == (1, True, None, ("alerts",))
    first.reschedule_job("alerts", trigger="interval", seconds=30)
    assert scheduler().get_job("alerts").trigger.interval_length == 30


class Bomb:
    def __init__(self, file) -> None:
        self.file = file

    def __reduce__(self):
        return (open, (self.file, "w"))


@pytest.mark.parametrize("kind", ["pickle", "other function", "unknown name", "no number"])
def test_hostile_rows_run_nothing_and_are_removed(scheduler, tmp_path, kind):
    add(scheduler(), "alerts")
    state = {"id": "retrain", "every": 60, "next": 1.0}
    content = {
        "pickle": pickle.dumps(Bomb(str(tmp_path / "exploded"))),
        "other function": json.dumps(state | {"func": "os:system", "args": ["true"], "id": "shell"}).encode(),
        "unknown name": json.dumps(state | {"id": "rm"}).encode(),
        "no number": json.dumps(state | {"every": "often"}).encode(),
    }[kind]
    with sqlite3.connect(tmp_path / "home" / "jobs.sqlite") as connection:
        connection.execute("INSERT INTO apscheduler_jobs VALUES ('retrain', 1.0, ?)", (content,))
    assert [job.id for job in scheduler().get_jobs()] == ["alerts"]
    assert not (tmp_path / "exploded").exists()
    assert list(rows(tmp_path)) == ["alerts"]


def test_nothing_is_due_after_the_end(scheduler, tmp_path):
    one = scheduler()
    add(one, "alerts")
    store = one._jobstores["default"]
    late = NEXT.replace(year=2036)
    assert [job.id for job in store.get_due_jobs(late)] == ["alerts"]
    store.shutdown()
    assert store.get_due_jobs(late) == []


def test_doubles_and_missing_ones(scheduler, tmp_path):
    one = scheduler()
    add(one, "alerts")
    store, job = one._jobstores["default"], one.get_job("alerts")
    with pytest.raises(ConflictingIdError):
        store.add_job(job)
    one.remove_job("alerts")
    with pytest.raises(JobLookupError):
        store.update_job(job)
