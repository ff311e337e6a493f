"""Routes of workflows."""

from __future__ import annotations

from aletheia.tracking.routes import pipelines


def test_every_route_is_tested_here(endpoints):
    assert endpoints(pipelines.router) == {
        "GET /projects/{project}/pipelines",
        "GET /projects/{project}/pipelines/{uid}",
    }


def test_pipelines_in_pages(client):
    for number in range(3):
        metadata = {"uid": f"w{number}", "name": "main", "labels": {"kind": "workflow", "workflow": f"w{number}"}}
        body = {"metadata": metadata, "status": {"state": "completed", "start_time": f"2026-01-0{number + 1}"}}
        client.post(f"/api/v1/projects/p/runs/w{number}", json=body).raise_for_status()
    answer = client.get("/api/v1/projects/p/pipelines", params={"page_size": 2, "sort_by": "created_at desc"}).json()
    assert [run["id"] for run in answer["runs"]] == ["w2", "w1"]
    assert (answer["total_size"], answer["next_page_token"]) == (3, "2")
    rest = client.get("/api/v1/projects/p/pipelines", params={"page_token": "2"}).json()
    assert [run["id"] for run in rest["runs"]] == ["w0"] and rest["next_page_token"] is None
    assert client.get("/api/v1/projects/*/pipelines").json()["total_size"] == 3
    assert client.get("/api/v1/projects/p/pipelines/w1").json()["graph"] == {}
    assert client.get("/api/v1/projects/p/pipelines/x").status_code == 404
    assert client.get("/api/v1/projects/p/pipelines", params={"page_token": "x"}).status_code == 422


def test_nuclio_has_nothing(client):
    """The UI asks for these at the address of Nuclio, without which it leaves the project's page."""
    for name in ("functions", "api_gateways", "v3io_streams"):
        answer = client.get(f"/api/{name}", headers={"x-nuclio-project-name": "p"})
        assert (answer.status_code, answer.json()) == (200, {})
