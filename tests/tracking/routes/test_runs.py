"""Runs, logs and background tasks by HTTP."""

from __future__ import annotations

from fastapi.testclient import TestClient

from aletheia.tracking.routes import runs

PATH = "/api/v1/projects/p"


def test_router_has_the_paths_of_the_client(endpoints) -> None:
    prefix = "/projects/{project}"
    assert endpoints(runs.router) == {
        *(f"{method} {prefix}/runs/{{uid}}" for method in ("POST", "PATCH", "GET", "DELETE")),
        *(f"{method} {prefix}/runs" for method in ("GET", "DELETE")),
        f"POST {prefix}/runs/{{uid}}/abort",
        *(f"POST {prefix}/{kind}/{{uid}}/push-notifications" for kind in ("runs", "pipelines")),
        *(f"{method} {prefix}/logs/{{uid}}" for method in ("POST", "GET")),
        f"GET {prefix}/logs/{{uid}}/size",
        *(f"GET {prefix}/background-tasks{name}" for name in ("", "/{name}")),
    }


def test_runs_iterations_are_named_iter(client: TestClient) -> None:
    for iteration in (0, 3):
        body = {"metadata": {"name": "n"}, "status": {"results": {"i": iteration}}}
        assert client.post(f"{PATH}/runs/u", params={"iter": iteration}, json=body).json() == {}
    client.patch(f"{PATH}/runs/u", params={"iter": 3}, json={"status.results.more": 1})
    for iteration, results in ((0, {"i": 0}), (3, {"i": 3, "more": 1})):
        data = client.get(f"{PATH}/runs/u", params={"iter": iteration}).json()["data"]
        assert data["status"]["results"] == results
    answer = client.get(f"{PATH}/runs/u", params={"iter": -1})
    assert (answer.status_code, answer.json()["detail"][:10]) == (422, "query.iter")


def test_abort_run_answers_with_a_task(client: TestClient) -> None:
    client.post(f"{PATH}/runs/u", json={"metadata": {"name": "n"}, "status": {"state": "running"}})
    answer = client.post(f"{PATH}/runs/u/abort", json={})
    assert answer.status_code == 202
    name = answer.json()["metadata"]["name"]
    for path in (f"{PATH}/background-tasks/{name}", f"/api/v1/background-tasks/{name}"):
        assert client.get(path).json()["status"]["state"] == "succeeded"
    assert len(client.get(f"{PATH}/background-tasks").json()["background_tasks"]) == 1


def test_logs_state_is_a_header(client: TestClient) -> None:
    client.post(f"{PATH}/runs/u", json={"metadata": {"name": "n"}, "status": {"state": "completed"}})
    client.post(f"{PATH}/logs/u", content=b"first ")
    client.post(f"{PATH}/logs/u", content=b"second")
    answer = client.get(f"{PATH}/logs/u", params={"offset": 6, "size": 3})
    assert (answer.content, answer.headers["x-mlrun-run-state"]) == (b"sec", "completed")
    assert client.get(f"{PATH}/logs/u/size").json() == {"size": 12}
    assert client.get(f"{PATH}/logs/u", params={"offset": -1}).status_code == 400
    client.post(f"{PATH}/logs/u", params={"append": False}, content=b"new")
    assert client.get(f"{PATH}/logs/u").content == b"new"


def test_delete_runs_by_state(client: TestClient) -> None:
    for uid, state in (("a", "completed"), ("b", "error")):
        client.post(f"{PATH}/runs/{uid}", json={"metadata": {"name": "n", "uid": uid}, "status": {"state": state}})
    client.delete(f"{PATH}/runs", params={"state": "error"})
    assert [run["metadata"]["uid"] for run in client.get(f"{PATH}/runs").json()["runs"]] == ["a"]
