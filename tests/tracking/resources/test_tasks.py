"""Records of finished work."""

from __future__ import annotations

import pytest

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError
from aletheia.tracking.resources import tasks


def test_record_is_a_succeeded_task(store, clock):
    task = tasks.record(store, "p", "abort-run")
    assert task["status"] == {"state": "succeeded"}
    assert task["metadata"]["created"] == queries.to_iso(clock)
    assert tasks.get(store, task["metadata"]["name"]) == task
    assert tasks.get(store, task["metadata"]["name"], "p") == task
    for arguments in (("none",), (task["metadata"]["name"], "q")):
        with pytest.raises(ApiError, match="not found"):
            tasks.get(store, *arguments)


def test_record_forgets_the_oldest(store, clock, monkeypatch):
    monkeypatch.setattr(tasks, "_MAX_TASKS", 2)
    names = [tasks.record(store, "p", "k")["metadata"]["name"] for _ in range(5)]
    assert [task["metadata"]["name"] for task in tasks.list_all(store, "p")] == names[:1:-1]
    assert tasks.list_all(store, "q") == []
