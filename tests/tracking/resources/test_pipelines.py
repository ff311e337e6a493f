"""Workflows in the form of pipelines."""

from __future__ import annotations

import pytest

from aletheia.tracking.queries import ApiError
from aletheia.tracking.resources import runs
from aletheia.tracking.resources.pipelines import get_pipeline, list_pipelines


def add(store, uid: str, workflow: str, second: int, name: str = "step", state: str = "completed", **labels) -> None:
    body = {
        "metadata": {"uid": uid, "name": name, "project": "p", "labels": {"workflow": workflow, **labels}},
        "spec": {"function": f"p/{name}"},
        "status": {"state": state, "start_time": f"2026-01-01T00:00:{second:02d}+00:00", "error": "bad luck"},
    }
    runs.put(store, "p", uid, 0, body)


def test_list_pipelines_pages(store):
    for number in range(3):
        add(store, f"w{number}", f"w{number}", number, "main", kind="workflow")
        add(store, f"s{number}", f"w{number}", number + 10)
    found, total = list_pipelines(store, "p")
    assert [pipeline["id"] for pipeline in found] == ["w2", "w1", "w0"] and total == 3
    assert (found[0]["name"], found[0]["project"], found[0]["status"]) == ("p-main", "p", "Succeeded")
    assert [pipeline["id"] for pipeline in list_pipelines(store, "*", 1, 1)[0]] == ["w1"]
    assert list_pipelines(store, "other") == ([], 0)


@pytest.mark.parametrize(
    ("state", "phase"),
    [("completed", "Succeeded"), ("error", "Failed"), ("aborted", "Failed"), ("running", "Running")],
)
def test_pipeline_phase(store, state, phase):
    add(store, "w", "w", 0, "main", state, kind="workflow")
    add(store, "s", "w", 1, state=state)
    pipeline = get_pipeline(store, "p", "w")
    assert pipeline["status"] == pipeline["graph"]["s"]["phase"] == phase
    assert (pipeline["finished_at"] is None) is (state == "running")


def test_get_pipeline_graph(store):
    add(store, "w", "w", 0, "main", kind="workflow")
    for number, name in enumerate(("extract", "train", "evaluate"), start=1):
        add(store, f"s{number}", "w", number, name)
    graph = get_pipeline(store, "p", "w")["graph"]
    assert [(step["name"], step["children"]) for step in graph.values()] == [
        ("extract", ["s2"]),
        ("train", ["s3"]),
        ("evaluate", []),
    ]
    assert graph["s1"]["run_uid"] == "s1" and graph["s1"]["function"] == "p/extract"
    assert get_pipeline(store, "p", "w")["error"] == "bad luck"


def test_get_pipeline_of_a_step_is_none(store):
    add(store, "w", "w", 0, "main", kind="workflow")
    add(store, "s", "w", 1)
    for uid in ("s", "x"):
        with pytest.raises(ApiError, match="no workflow"):
            get_pipeline(store, "p", uid)
