"""The scheduler's process: one at a time, its times survive, SIGTERM ends it and its children."""

from __future__ import annotations

import os
import signal
import time

import pytest

from aletheia.core.errors import InputError
from aletheia.core.process_lock import holder
from aletheia.core.settings import get_settings
from aletheia.lifecycle.scheduling import daemon
from aletheia.lifecycle.scheduling.config import Schedule
from aletheia.lifecycle.scheduling.daemon import (
    lock_path,
    output_path,
    scheduler_status,
    start_jobs,
    start_scheduler,
    stop_scheduler,
    store_path,
)

from ...waiting import wait_for

OFF = {"alerts": {"every": "never"}, "retrain": {"every": "never"}, "prune": {"every": "never"}}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ALETHEIA_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield tmp_path / "home"
    stop_scheduler()
    get_settings.cache_clear()


def next_runs(schedule: Schedule) -> dict[str, float]:
    """Start the jobs, and stop them before any is due; returns when each would have run."""
    scheduler = start_jobs(schedule, store_path())
    try:
        return {job.id: job.next_run_time.timestamp() for job in scheduler.get_jobs()}
    finally:
        scheduler.shutdown(wait=False)


def test_a_restart_keeps_times_and_takes_up_changes(monkeypatch):
    assert daemon.FIRST < 15
    monkeypatch.setattr(daemon, "FIRST", 600.0)  # none is due while the test lasts, however slow the machine
    before, first = time.time(), next_runs(Schedule(alerts={"every": "1h"}))
    assert set(first) == {"alerts", "retrain", "prune", "reconcile"}
    assert all(before + 600 <= moment <= time.time() + 610 for moment in first.values())
    changed = Schedule(alerts={"every": "2h"}, prune={"every": "never"})
    again = next_runs(changed)
    assert set(again) == {"alerts", "retrain", "reconcile"}
    assert (again["retrain"], again["reconcile"]) == (first["retrain"], first["reconcile"])
    assert again["alerts"] > first["alerts"]
    assert [job.name for job in scheduler_status().jobs] == ["alerts", "reconcile", "retrain"]


def test_what_was_missed_is_done_once(monkeypatch):
    """Late by ten intervals after a night off: one run, and the next in an interval from then."""
    from aletheia.lifecycle.scheduling import jobs

    ran: list[str] = []
    monkeypatch.setattr(jobs, "_jobs", [type("Noting", (), {"run": lambda self, name: ran.append(name)})()])
    schedule = Schedule(**OFF, reconcile={"every": "1h"})
    next_runs(schedule)
    import sqlite3

    late = time.time() - 36_000
    with sqlite3.connect(store_path()) as connection:
        state = f'{{"id": "reconcile", "every": 3600.0, "next": {late}}}'.encode()
        connection.execute("UPDATE apscheduler_jobs SET next_run_time = ?, job_state = ?", (late, state))
    scheduler = start_jobs(schedule, store_path())
    wait_for(lambda: ran)
    (job,) = scheduler.get_jobs()
    scheduler.shutdown(wait=True)
    assert ran == ["reconcile"]
    assert 0 < job.next_run_time.timestamp() - time.time() <= 3600


def test_damaged_file(home):
    home.mkdir()
    store_path().write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match=r"schedule\.sqlite is damaged .* delete it"):
        start_jobs(Schedule(), store_path())


@pytest.mark.slow
def test_start_status_stop(tmp_path, home):
    (tmp_path / "project.yaml").write_text("kind: project\n")
    config = tmp_path / "jobs.yaml"
    config.write_text(
        "alerts: {every: 1s}\nretrain: {every: never}\nprune: {every: never}\nreconcile: {every: never}\n"
    )
    assert scheduler_status().pid is None and not stop_scheduler()
    pid = start_scheduler(tmp_path, [f"--config={config}"])
    assert scheduler_status().pid == pid
    with pytest.raises(InputError, match=f"runs already \\(process {pid}\\)"):
        start_scheduler(tmp_path)
    last = wait_for(
        lambda: [result for job in scheduler_status().jobs for result in job.last], 120, output_path().read_text
    )
    assert last[0].state == "ok" and "no prediction log" in last[0].text
    os.kill(pid, signal.SIGKILL)  # a crash: the lock is free, the times stay
    os.waitpid(pid, 0)
    assert scheduler_status().pid is None and scheduler_status().jobs[0].next_run
    again = start_scheduler(tmp_path, [f"--config={config}"])
    assert stop_scheduler()
    assert os.waitpid(again, 0)[1] == 0  # a clean end, no signal
    assert scheduler_status().pid is None
    assert "Traceback" not in output_path().read_text()
    assert home.joinpath("scheduler.lock") == lock_path()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("retrain: {evry: 1h}\n", "evry"),
        ("alerts: {rules: nowhere.yaml}\n", r"nowhere\.yaml cannot be read: No such file"),
        ("", r"schedule\.sqlite is damaged"),
    ],
)
def test_a_start_that_fails_says_why(tmp_path, home, text, sentence):
    (tmp_path / "project.yaml").write_text("kind: project\n")
    config = tmp_path / "jobs.yaml"
    config.write_text(text)
    if not text:
        home.mkdir()
        store_path().write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match=f"The scheduler did not start: (?!aletheia).*{sentence}"):
        start_scheduler(tmp_path, [f"--config={config}"])
    assert holder(lock_path()) is None
