"""The jobs: what they run, what they note, and that one that fails harms no other."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import pytest

from aletheia.core.settings import get_settings
from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.retraining.record import RetrainingRecord, write_record
from aletheia.lifecycle.scheduling import jobs as module
from aletheia.lifecycle.scheduling.config import Schedule
from aletheia.lifecycle.scheduling.jobs import MOST_ATTEMPTS, Jobs, run_job, use_jobs
from aletheia.lifecycle.scheduling.results import ResultLog
from aletheia.tracking.process_label import LABEL, process_label

from ...waiting import wait_for


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Provide a function that makes the jobs of a schedule; ALETHEIA_HOME is the test's own."""
    monkeypatch.setenv("ALETHEIA_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()

    def build(**values) -> Jobs:
        values.setdefault("log", tmp_path / "predictions.sqlite")
        output = tmp_path / "scheduler.log"
        return Jobs(Schedule(**values), ResultLog(tmp_path / "home" / "schedule.sqlite"), tmp_path, output)

    yield build
    get_settings.cache_clear()


@pytest.fixture
def command(make, monkeypatch, tmp_path):
    """Let children be a script that prints, fails or waits in place of our command; returns the words of each."""
    called: list[list[str]] = []
    real = module.start_bound

    def set_to(code: str):
        def start(words, **options):
            called.append(words[4:])
            return real([sys.executable, "-c", code], **options)

        monkeypatch.setattr(module, "start_bound", start)
        return called

    return set_to


def test_alerts(make, write_log, tmp_path):
    jobs = make()
    assert jobs.run("alerts") == ("ok", f"There is no prediction log at {tmp_path / 'predictions.sqlite'} yet.")
    write_log(LogEntry(time.time() - 5, str(n), "v", "u", error="internal") for n in range(30))
    assert jobs.run("alerts").text == "No rule fires."  # one look is none
    assert jobs.run("alerts").text == "Firing: failing, silent."
    assert [result.text for result in jobs.results.last("alerts", 3)][:2] == [
        "Firing: failing, silent.",
        "No rule fires.",
    ]


PLAN = {"plan": {"reason": "No trigger fires."}, "state": "not due"}


@pytest.mark.parametrize(
    ("code", "printed", "expected"),
    [
        (3, json.dumps(PLAN), ("not due", "No trigger fires.")),
        (0, json.dumps({**PLAN, "sentences": ["v1.0.1 is accepted."]}), ("registered", "v1.0.1 is accepted.")),
        (4, json.dumps({**PLAN, "sentences": ["It is refused."]}), ("refused", "It is refused.")),
        (0, "no JSON", ("error", "aletheia retrain printed no JSON; see {output}.")),
        (1, "", ("error", "it broke")),
        (-9, "", ("error", "it broke")),
    ],
)
def test_retrain_runs_in_a_process_of_its_own(make, command, tmp_path, code, printed, expected):
    end = "os.kill(os.getpid(), 9)" if code < 0 else f"sys.exit({code})"
    called = command(f"import os, sys; print({printed!r}); print('it broke', file=sys.stderr, flush=True); {end}")
    options = {
        "when": ["drift", "schedule"],
        "add": [Path("/new")],
        "promote": "auto",
        "age": "7d",
        "at_least": 9,
        "artifact_path": "s3://b/runs",
    }
    options["accept_unjudged"] = ["fair-false-alarms"]
    state, text = make(retrain=options).run("retrain")
    assert (state, text) == (expected[0], expected[1].format(output=tmp_path / "scheduler.log"))
    log = f"--log={tmp_path / 'predictions.sqlite'}"
    reasons = ["--every=604800s", "--when=drift", "--when=schedule", "--add=/new"]
    reasons += ["--accept-unjudged=fair-false-alarms", "--artifact-path=s3:/b/runs"]
    assert called == [["retrain", "--json", "--promote=auto", "--at-least=9", log, *reasons]]
    assert "retrain --json" in (tmp_path / "scheduler.log").read_text()


def test_an_interrupted_retraining_goes_on_but_not_for_ever(make, command, tmp_path):
    called = command('import sys; print(\'{"sentences": ["Done."]}\')')
    jobs = make()
    write_record(RetrainingRecord(champion="v1.0.0", add=["/given"], attempts=MOST_ATTEMPTS - 1))
    assert jobs.run("retrain") == ("registered", "Going on with the interrupted retraining of v1.0.0. Done.")
    assert called[0][-2:] == ["--when=now", "--add=/given"]
    write_record(RetrainingRecord(champion="v1.0.0", attempts=MOST_ATTEMPTS))
    state, text = jobs.run("retrain")
    assert state == "interrupted" and f"was interrupted {MOST_ATTEMPTS} times" in text
    assert len(called) == 1


def test_stop_ends_a_child(make, command):
    command("import time; time.sleep(600)")
    jobs = make()
    thread = threading.Thread(target=jobs.run, args=("prune",))
    thread.start()
    wait_for(lambda: jobs._children)
    jobs.stop()
    thread.join(timeout=120)
    assert not thread.is_alive()
    assert jobs.results.last("prune")[0].state == "interrupted"
    assert jobs.run("prune").state == "interrupted"  # none is begun any more


def test_prune_is_our_command(make, command):
    called = command("print('Files of 2 models deleted.')")
    assert make(prune={"keep": 5}).run("prune") == ("ok", "Files of 2 models deleted.")
    assert called == [["models", "prune", "--keep=5"]]


def test_reconcile(make, registry, monkeypatch):
    monkeypatch.setattr(module, "PROJECT", registry.name)
    monkeypatch.setattr("aletheia.tracking.ensure_tracking", lambda: registry.url)
    jobs = make()
    assert jobs.run("reconcile") == ("ok", "Nothing is in production.")
    gone = {LABEL: process_label()[LABEL].rpartition(".")[0] + ".1"}  # a process of this number, started in 1970
    registry.reader.note_run(registry.name, "train", {}, labels=gone, state="running")
    assert jobs.run("reconcile").text == "Nothing is in production. Ended 1 run of killed processes."
    registry.register("production")
    write_record(RetrainingRecord(champion="v1.0.0"))
    state, text = jobs.run("reconcile")
    assert state == "ok" and text.startswith("v1.0.0 is in production, and whole. The retraining of v1.0.0 was")
    (registry.catalog().production.folder / "model.safetensors").write_bytes(b"damaged")
    state, text = jobs.run("reconcile")
    assert state == "error" and "v1.0.0, in production, is not whole" in text and "rollback" in text


def test_a_defect_of_one_job_is_its_result(make, monkeypatch):
    jobs = make()
    monkeypatch.setattr(jobs, "_alerts", lambda: 1 / 0)
    use_jobs(jobs)
    run_job("alerts")
    assert jobs.results.last("alerts")[0].text == "ZeroDivisionError: division by zero"
    use_jobs(make())
