"""Routes of features that the service does not have."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from aletheia.tracking.routes import absent


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/build/function"),
        ("GET", "/api/v1/nothing/of/the/kind"),
    ],
)
def test_not_implemented_names_the_request(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path, json={})
    assert answer.status_code == 501
    assert f"{method} {path}" in answer.json()["detail"]


def test_empty_answers_have_the_form_of_the_api(client: TestClient) -> None:
    assert client.get("/api/v1/projects/p/pipelines").json() == {"runs": [], "total_size": 0, "next_page_token": None}
    assert client.get("/api/v1/projects/p/schedules").json() == {"schedules": []}
    assert client.get("/api/v1/projects/p/alerts").json()["alerts"] == []
    assert client.get("/api/v1/hub/sources").json() == []


def test_runtime_resources_grouped_or_not(client: TestClient) -> None:
    path = "/api/v1/projects/p/runtime-resources"
    assert client.get(path).json() == []
    assert client.get(path, params={"group-by": "job"}).json() == {}
    assert client.delete(path).json() == {}


def test_fallback_comes_last(client: TestClient) -> None:
    assert [route.path for route in absent.fallback.routes] == ["/api/{rest:path}"]
    assert client.get("/api/v1/projects/p").status_code == 200


def test_submit_job_stores_a_failed_run(client: TestClient) -> None:
    """The client reads the run next; of a schedule there is none."""
    task = {"metadata": {"name": "n", "uid": "u", "project": "p"}, "spec": {}}
    for body in ({"task": task, "schedule": "0 * * * *"}, {"task": {"metadata": {"uid": 3}}}, {"task": []}, None, []):
        answer = client.post("/api/v1/submit_job", json=body)
        assert answer.status_code == 501
        assert "local=True" in answer.json()["detail"]
    assert client.get("/api/v1/projects/p/runs").json()["runs"] == []
    assert client.post("/api/v1/submit_job", json={"task": task}).status_code == 501
    (run,) = client.get("/api/v1/projects/p/runs").json()["runs"]
    assert run["status"]["state"] == "error" and "local=True" in run["status"]["error"]


@pytest.mark.parametrize("word", ["start", "status"])
def test_a_scheduler_that_does_not_answer_is_named(client, word):
    answer = client.post(f"/api/v1/{word}/function", json={"functionUrl": "p/cluster"})
    assert answer.status_code == 501 and "Dask scheduler of the function does not answer" in answer.json()["detail"]
