"""Runs that were left unfinished."""

from __future__ import annotations

import pytest

from aletheia.tracking.process_label import LABEL, labelled_process, process_label
from aletheia.tracking.resources import lost_runs, runs

OWNER, OTHER = [101.0, 5.5], [102.0, 6.5]


@pytest.fixture
def running(store):
    for iteration in (1, 0):
        body = {"metadata": {"name": "n"}, "status": {"state": "running", "results": {"epoch": 3}}}
        runs.put(store, "p", "u", iteration, body)
    runs.put(store, "p", "ended", 0, {"metadata": {"name": "n"}, "status": {"state": "completed"}})
    return store


def test_unfinished_names_the_owners(running):
    lost_runs.set_owners(running, "p", "u", [OWNER])
    lost_runs.set_owners(running, "p", "u", [OWNER, OTHER])
    lost_runs.set_owners(running, "p", "unknown", [OWNER])
    (run,) = lost_runs.unfinished(running)
    assert (run["project"], run["uid"], run["state"], run["owners"]) == ("p", "u", "running", [OWNER, OTHER])


def test_abort_lost_needs_all_owners_to_have_ended(running):
    assert lost_runs.abort_lost(running, lambda owner: False, grace=-1) == []  # owner unknown
    lost_runs.set_owners(running, "p", "u", [OWNER, OTHER])
    assert lost_runs.abort_lost(running, lambda owner: owner == OTHER, grace=-1) == []
    assert lost_runs.abort_lost(running, lambda owner: False, grace=60) == []  # written just now
    assert [run["uid"] for run in lost_runs.abort_lost(running, lambda owner: False, grace=-1)] == ["u"]
    for iteration in (0, 1):
        status = runs.get(running, "p", "u", iteration)["status"]
        assert (status["state"], status["results"]) == ("aborted", {"epoch": 3})
        assert "pid 101, 102" in status["error"]
    assert lost_runs.unfinished(running) == []
    assert runs.get(running, "p", "ended", 0)["status"]["state"] == "completed"


def test_process_that_was_gone_before_it_was_looked_for(store):
    """Its connection tells nothing any more; the label of its run does, unless somebody was seen writing it."""
    labels = process_label()
    for uid in ("labelled", "seen"):
        body = {"metadata": {"name": "n", "labels": labels}, "status": {"state": "running"}}
        runs.put(store, "p", uid, 0, body)
    lost_runs.set_owners(store, "p", "seen", [OWNER])
    named = labelled_process(labels[LABEL])
    assert [run["owners"] for run in lost_runs.unfinished(store)] == [[named], [OWNER]]
    assert lost_runs.abort_lost(store, lambda owner: True, grace=-1) == []
    assert [run["uid"] for run in lost_runs.abort_lost(store, lambda owner: owner == OWNER, grace=-1)] == ["labelled"]
    assert "pid " + labels[LABEL].split(".")[1] in runs.get(store, "p", "labelled", 0)["status"]["error"]
