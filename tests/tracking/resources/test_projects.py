"""Projects in the database."""

from __future__ import annotations

import pytest

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError
from aletheia.tracking.resources import artifacts, projects, runs
from aletheia.tracking.resources.artifact_selector import ArtifactSelector


def status_of(call, *arguments) -> int:
    with pytest.raises(ApiError) as caught:
        call(*arguments)
    return caught.value.status


def test_create_refuses_a_second_one(store):
    assert projects.create(store, {"metadata": {"name": "q"}})["status"]["state"] == "online"
    assert status_of(projects.create, store, {"metadata": {"name": "q"}}) == 409
    assert projects.list_all(store, "name_only") == ["p", "q"]


@pytest.mark.parametrize("body", [None, [], {}, {"metadata": {}}, {"metadata": {"name": 5}}])
def test_create_needs_a_name(store, body):
    assert status_of(projects.create, store, body) == 422


def test_put_keeps_the_time_of_creation(store, clock):
    first = projects.put(store, "q", {"metadata": {"name": "q"}})["metadata"]["created"]
    again = projects.put(store, "q", {"metadata": {"name": "q"}, "spec": {"description": "new"}})
    assert f"{again['metadata']['created']}+00:00" == f"{first}+00:00" == queries.to_iso(clock)
    ((name, created),) = [row for row in projects.list_all(store, "name_and_creation_time") if row[0] == "q"]
    assert (name, created) == ("q", f"{first}+00:00")  # the UI adds the zone to a project's own time


def test_patch_replaces_or_joins_lists(store):
    projects.put(store, "q", {"metadata": {"name": "q"}, "spec": {"params": {"a": [1], "b": 1}}})
    changed = projects.patch(store, "q", {"spec": {"params": {"a": [2], "c": 3}}}, "additive")
    assert changed["spec"]["params"] == {"a": [1, 2], "b": 1, "c": 3}
    changed = projects.patch(store, "q", {"spec": {"params": {"a": [9]}}}, "replace")
    assert changed["spec"]["params"] == {"a": [9], "b": 1, "c": 3}
    assert status_of(projects.patch, store, "q", {}, "sideways") == 400
    assert status_of(projects.patch, store, "none", {}, "replace") == 404


def test_list_all_filters_and_shortens(store):
    body = {"metadata": {"name": "q", "labels": {"team": "red"}}, "spec": {"owner": "ada", "functions": [1]}}
    projects.put(store, "q", body)
    assert [item["metadata"]["name"] for item in projects.list_all(store, owner="ada")] == ["q"]
    assert [item["metadata"]["name"] for item in projects.list_all(store, labels=["team=red"])] == ["q"]
    assert projects.list_all(store, labels=["team=blue"]) == []
    (short,) = projects.list_all(store, "minimal", owner="ada")
    assert "functions" not in short["spec"]


def test_delete_restricted_refuses_content(store):
    runs.put(store, "p", "u", 0, {"metadata": {"name": "n"}})
    for strategy in ("restrict", "restricted", "check"):
        assert status_of(projects.delete, store, "p", strategy) == 412
    projects.delete(store, "p", "cascading")
    assert projects.list_all(store) == []
    projects.delete(store, "p", "restricted")  # nothing to delete is no error
    assert status_of(projects.delete, store, "p", "burn") == 400


def test_delete_check_only_looks(store):
    projects.delete(store, "p", "check")
    assert projects.list_all(store, "name_only") == ["p"]


def test_summaries_count_runs_and_kinds(store):
    for uid, iteration, state in (("a", 0, "completed"), ("b", 0, "error"), ("c", 0, "running"), ("c", 1, "completed")):
        runs.put(store, "p", uid, iteration, {"metadata": {"name": "n"}, "status": {"state": state}})
    old = {"state": "completed", "start_time": "2020-01-01T00:00:00"}
    runs.put(store, "p", "old", 0, {"metadata": {"name": "n"}, "status": old})
    for key, kind in (("m", "model"), ("m2", "model"), ("d", "dataset"), ("x", "plot"), ("l", "llm-prompt")):
        artifacts.put(store, ArtifactSelector("p", key), {"kind": kind})
    artifacts.put(store, ArtifactSelector("p", "m"), {"kind": "model", "spec": {"second": "version"}})
    (summary,) = projects.summaries(store, "p")
    counts = {name: number for name, number in summary.items() if number and name not in ("name", "updated")}
    assert counts == {
        "files_count": 1,
        "llm_prompts_count": 1,
        "models_count": 2,
        "datasets_count": 1,
        "runs_completed_recent_count": 1,
        "runs_failed_recent_count": 1,
        "runs_running_count": 1,
    }
    assert status_of(projects.summaries, store, "none") == 404


def test_ensure_refuses_an_unknown_project(store):
    with store.read() as connection:
        projects.ensure(connection, "p")
        assert status_of(projects.ensure, connection, "q") == 404
