"""Runs in the database."""

from __future__ import annotations

import copy

import pytest

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError, Page
from aletheia.tracking.resources import artifacts, logs, runs
from aletheia.tracking.resources.artifact_selector import ArtifactSelector
from aletheia.tracking.resources.runs import RunFilters

OLD = {"metadata": {"name": "old", "uid": "old"}, "status": {"start_time": "2020-01-01"}}


def put(store, uid: str, iteration: int = 0, name: str = "n", state: str = "completed", **metadata) -> None:
    metadata |= {"name": name, "uid": f"{uid}#{iteration}" if iteration else uid}
    runs.put(store, "p", uid, iteration, {"metadata": metadata, "status": {"state": state}})


def uids(store, **filters) -> list[str]:
    rows, _ = runs.list_page(store, RunFilters(project="p", **filters), Page())
    return [row["metadata"]["uid"] for row in rows]


def test_put_fills_in_times(store, clock):
    assert runs.put(store, "p", "u", 0, {"metadata": {"name": "n"}}) == "created"
    status = runs.get(store, "p", "u", 0)["status"]
    assert status["start_time"] == status["last_update"] == queries.to_iso(clock)
    assert "end_time" not in status
    runs.put(store, "p", "u", 0, {"metadata": {"name": "n"}, "status": {"state": "completed"}})
    status = runs.get(store, "p", "u", 0)["status"]
    assert status["start_time"] == queries.to_iso(clock)
    assert status["end_time"] == status["last_update"] == queries.to_iso(clock + 1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 400),
        ({}, 400),
        ({"metadata": {"name": ""}}, 400),
        ({"metadata": {"name": "x" * 256}}, 400),
        ({"metadata": {"name": "n"}, "status": {"start_time": "yesterday"}}, 400),
    ],
)
def test_put_refuses_malformed_runs(store, body, status):
    with pytest.raises(ApiError) as caught:
        runs.put(store, "p", "u", 0, body)
    assert caught.value.status == status


def test_put_refuses_another_name(store):
    put(store, "u", name="first")
    with pytest.raises(ApiError, match="Changing name"):
        put(store, "u", name="second")


def test_put_replaces_artifacts_by_their_addresses(store):
    artifact = {"kind": "model", "metadata": {"key": "m", "project": "p", "iter": 2, "tree": "t", "tag": "latest"}}
    body = {"metadata": {"name": "n"}, "status": {"artifacts": [artifact, "no artifact"]}}
    runs.put(store, "p", "u", 0, body)
    status = runs.get(store, "p", "u", 0)["status"]
    assert status["artifact_uris"] == {"m": "store://models/p/m#2:latest@t"}
    assert "artifacts" not in status


def test_update_sets_dotted_paths(store):
    put(store, "u")
    assert runs.update(store, "p", "u", 0, {"status.results.auc": 0.5, "status.state": "error"}) == "error"
    status = runs.get(store, "p", "u", 0)["status"]
    assert (status["results"], status["state"]) == ({"auc": 0.5}, "error")
    with pytest.raises(ApiError, match="not found"):
        runs.update(store, "p", "none", 0, {})


def test_get_joins_artifacts(store):
    put(store, "u")
    artifacts.put(store, ArtifactSelector("p", "n_note", tree="u"), {})
    assert [item["metadata"]["key"] for item in runs.get(store, "p", "u", 0)["status"]["artifacts"]] == ["n_note"]
    assert "artifacts" not in runs.get(store, "p", "u", 0, "minimal")["status"]


def test_get_joins_artifacts_of_the_workflow(store):
    artifacts.put(store, ArtifactSelector("p", "n_table", tree="workflow-1", tag="v1"), {"kind": "dataset"})
    put(store, "u", labels={"workflow": "workflow-1"})
    uris = {"table": "store://datasets/p/n_table#0@workflow-1", "gone": "store://datasets/p/gone@workflow-1"}
    runs.update(store, "p", "u", 0, {"status.artifact_uris": uris})
    (table,) = runs.get(store, "p", "u", 0)["status"]["artifacts"]
    assert (table["metadata"]["key"], table["kind"]) == ("n_table", "dataset")


def test_list_page_without_filters_is_the_last_week(store):
    runs.put(store, "p", "old", 0, copy.deepcopy(OLD))
    put(store, "a", name="again")
    put(store, "b", name="again")
    assert uids(store, iter=False) == ["b"]
    assert uids(store, iter=True) == ["b", "a", "old"]


def test_list_page_filters(store):
    put(store, "a", name="train", labels={"team": "red"})
    put(store, "b", name="evaluate", state="error")
    put(store, "b", 1, name="evaluate", state="error")
    assert uids(store, name="~TRAI") == ["a"]
    assert uids(store, state=["error"], states=["created"]) == ["b#1", "b"]
    assert uids(store, label=["team=red"]) == ["a"]
    assert uids(store, uid=["b"], iter=False) == ["b"]
    assert uids(store, last=1) == ["b#1"]
    assert uids(store, sort=False) == ["a", "b", "b#1"]
    with pytest.raises(ApiError, match="partition-sort-by"):
        uids(store, partition_by="name")


def test_list_page_pages(store):
    for index in range(5):
        put(store, f"u{index}")
    rows, more = runs.list_page(store, RunFilters(project="p"), Page(2, 2))
    assert ([row["metadata"]["uid"] for row in rows], more) == (["u2", "u1"], True)
    rows, more = runs.list_page(store, RunFilters(project="p"), Page(3, 2))
    assert ([row["metadata"]["uid"] for row in rows], more) == (["u0"], False)


def test_abort_only_before_the_end(store):
    put(store, "u", state="running")
    runs.abort(store, "p", "u", 0, {"status.status_text": "enough"})
    status = runs.get(store, "p", "u", 0)["status"]
    assert (status["state"], status["status_text"]) == ("aborted", "enough")
    with pytest.raises(ApiError, match="terminal state") as caught:
        runs.abort(store, "p", "u", 0, None)
    assert caught.value.status == 409


def test_delete_takes_iterations_and_log(store):
    for iteration in (0, 1):
        put(store, "u", iteration)
    logs.append(store, "p", "u", b"text", replace=False)
    runs.delete(store, "p", "u")
    assert uids(store) == []
    assert logs.size(store, "p", "u") == 0
    runs.delete(store, "p", "u")  # nothing to delete is no error


def test_delete_refuses_active_runs(store):
    put(store, "u", state="running")
    for call in (lambda: runs.delete(store, "p", "u"), lambda: runs.delete_many(store, RunFilters(project="p"), 0)):
        with pytest.raises(ApiError, match="consider aborting"):
            call()


def test_delete_many_of_the_last_days(store):
    runs.put(store, "p", "old", 0, copy.deepcopy(OLD))
    put(store, "new")
    runs.delete_many(store, RunFilters(project="p"), 1)
    assert uids(store) == ["old"]
    runs.delete_many(store, RunFilters(project="p", name="old"), 0)
    assert uids(store) == []


@pytest.mark.parametrize("way", ["abort", "update", "put"])
def test_save_ends_the_iterations_of_a_run_that_was_stopped(store, way):
    """Ctrl-C ends the parent only; a cell of its grid must not stay "running" for ever."""
    for iteration, state in ((0, "running"), (1, "completed"), (2, "running"), (3, "created")):
        body = {"metadata": {"name": "n"}, "status": {"state": state, "results": {"loss": iteration}}}
        runs.put(store, "p", "u", iteration, body)
    if way == "abort":
        runs.abort(store, "p", "u", 0, {"status.error": "stopped"})
    elif way == "update":
        runs.update(store, "p", "u", 0, {"status.state": "aborted", "status.error": "stopped"})
    else:
        runs.put(store, "p", "u", 0, {"metadata": {"name": "n"}, "status": {"state": "error", "error": "stopped"}})
    ended = [runs.get(store, "p", "u", iteration)["status"] for iteration in (1, 2, 3)]
    assert [status["state"] for status in ended] == ["completed", "aborted", "aborted"]
    assert ended[1]["error"] == "stopped" and ended[1]["results"] == {"loss": 2}


def test_save_leaves_the_iterations_of_a_run_that_goes_on(store):
    for iteration in (0, 1):
        runs.put(store, "p", "u", iteration, {"metadata": {"name": "n"}, "status": {"state": "running"}})
    runs.update(store, "p", "u", 0, {"status.results.loss": 1})
    assert runs.get(store, "p", "u", 1)["status"]["state"] == "running"


def test_abort_is_final(store):
    """The process of the run finishes before it notices; what it has logged is kept."""
    body = {"metadata": {"name": "n"}, "status": {"state": "running"}}
    runs.put(store, "p", "u", 0, body)
    runs.abort(store, "p", "u", 0, None)
    runs.update(store, "p", "u", 0, {"status.state": "completed", "status.results.loss": 0.5})
    runs.put(store, "p", "u", 0, {**body, "status": {"state": "running", "results": {"loss": 0.5}}})
    status = runs.get(store, "p", "u", 0)["status"]
    assert (status["state"], status["results"]) == ("aborted", {"loss": 0.5})
    assert runs.list_page(store, RunFilters(project="p", state=["aborted"]), Page())[0][0]["metadata"]["name"] == "n"
