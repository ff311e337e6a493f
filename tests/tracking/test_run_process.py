"""Runs whose processes were killed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from aletheia.core.lifetime import importable_environment
from aletheia.tracking import run_process
from aletheia.tracking.process_label import LABEL, process_label
from aletheia.tracking.reader import Reader
from aletheia.tracking.run_process import end_lost_runs

#: Notes a run as a workflow does, says its uid, and waits to be killed.
_WRITER = """
import sys
from aletheia.tracking.reader import Reader
from aletheia.tracking.process_label import process_label

with Reader(sys.argv[1]) as reader:
    print(reader.note_run(sys.argv[2], "train", {}, labels=process_label(), state="running"), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def reader(tracking_url):
    with Reader(tracking_url) as reader:
        yield reader


def ended_process() -> str:
    """The label of a process that had this one's number long ago."""
    return process_label()[LABEL].rpartition(".")[0] + ".100"


def test_only_runs_of_ended_processes_are_ended(reader, recorder):
    elsewhere = f"{'0' * 16}.{os.getpid()}.1"
    recorder.run("lost", state="running", labels={LABEL: ended_process()})
    recorder.run("lost", iteration=1, state="running", labels={LABEL: ended_process()})
    recorder.run("alive", state="running", labels=process_label())
    recorder.run("elsewhere", state="running", labels={LABEL: elsewhere})
    recorder.run("unknown", state="running")
    recorder.run("done", state="completed", labels={LABEL: ended_process()})
    assert end_lost_runs(reader, recorder.name) == ["lost"]  # the service ends its iterations with it
    found = {run["metadata"]["uid"]: run["status"]["state"] for run in reader.runs(recorder.name)}
    assert found == {
        "lost": "aborted",
        "alive": "running",
        "elsewhere": "running",
        "unknown": "running",
        "done": "completed",
    }
    (lost, iteration) = reader.runs(recorder.name, "lost")
    assert (lost["status"]["state"], iteration["status"]["state"]) == ("aborted", "aborted")
    text = f"Aborted: the process that ran it (pid {os.getpid()}) ended without finishing the run."
    assert lost["status"]["status_text"] == lost["status"]["error"] == text
    assert end_lost_runs(reader, recorder.name) == []


def test_iteration_without_its_parent(reader, recorder):
    recorder.run("grid", state="completed", labels={LABEL: ended_process()})
    recorder.run("grid", iteration=2, state="running", labels={LABEL: ended_process()})
    assert end_lost_runs(reader, recorder.name) == ["grid"]
    assert [run["status"]["state"] for run in reader.runs(recorder.name, "grid")] == ["completed", "aborted"]


def test_a_run_that_ended_after_the_listing_stays(reader, recorder, monkeypatch):
    recorder.run("quick", state="running", labels={LABEL: ended_process()})

    def end_meanwhile(value):
        reader.end_run(recorder.name, "quick", "completed")
        return True

    monkeypatch.setattr(run_process, "has_ended", end_meanwhile)
    assert end_lost_runs(reader, recorder.name) == []
    assert reader.runs(recorder.name, "quick")[0]["status"]["state"] == "completed"


def test_a_run_that_was_deleted_meanwhile(reader, recorder, monkeypatch):
    recorder.run("gone", state="running", labels={LABEL: ended_process()})
    path = f"/api/v1/projects/{recorder.name}/runs/gone"

    def delete_meanwhile(value):
        reader.end_run(recorder.name, "gone", "error")
        recorder.http.delete(path).raise_for_status()
        return True

    monkeypatch.setattr(run_process, "has_ended", delete_meanwhile)
    assert end_lost_runs(reader, recorder.name) == []
    assert reader.runs(recorder.name, "gone") == []


def test_killed_process(reader, recorder, tracking_url):
    words = [sys.executable, "-c", _WRITER, tracking_url, recorder.name]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, env=importable_environment(), **pipes) as writer:
        uid = writer.stdout.readline().strip()
        assert end_lost_runs(reader, recorder.name) == []
        writer.kill()
        assert end_lost_runs(reader, recorder.name) in ([], [uid])  # it may be on its way
        writer.wait()
        end_lost_runs(reader, recorder.name)
    assert reader.runs(recorder.name, uid)[0]["status"]["state"] == "aborted"
