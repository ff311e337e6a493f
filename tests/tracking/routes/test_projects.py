"""Projects by HTTP."""

from __future__ import annotations

from fastapi.testclient import TestClient

from aletheia.tracking.routes import projects

PATH = "/api/v1/projects"


def test_router_has_the_paths_of_the_client(endpoints) -> None:
    assert endpoints(projects.router) == {
        *("POST /projects", "GET /projects"),
        *(f"{method} /projects/{{name}}" for method in ("GET", "PUT", "PATCH", "DELETE")),
        *("GET /project-summaries", "GET /project-summaries/{name}"),
    }


def test_patch_project_mode_is_a_header(client: TestClient) -> None:
    client.put(f"{PATH}/q", json={"spec": {"params": {"a": [1]}}})
    for mode, expected in (("additive", [1, 2]), ("replace", [2])):
        headers = {"x-mlrun-patch-mode": mode}
        answer = client.patch(f"{PATH}/q", json={"spec": {"params": {"a": [2]}}}, headers=headers)
        assert answer.json()["spec"]["params"]["a"] == expected


def test_delete_project_strategy_is_a_header(client: TestClient) -> None:
    client.post(f"{PATH}/p/runs/u", json={"metadata": {"name": "n"}})
    assert client.delete(f"{PATH}/p").status_code == 412
    assert client.delete(f"{PATH}/p", headers={"x-mlrun-deletion-strategy": "cascading"}).status_code == 204
    assert client.get(PATH, params={"format": "name_only"}).json() == {"projects": []}


def test_project_summaries_of_all_or_one(client: TestClient) -> None:
    (summary,) = client.get("/api/v1/project-summaries").json()["project_summaries"]
    assert client.get("/api/v1/project-summaries/p").json() == summary
    assert client.get("/api/v1/project-summaries/none").status_code == 404
