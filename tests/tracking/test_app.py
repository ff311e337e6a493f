"""The application: its error answers, and hostile values."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from aletheia.tracking import access
from aletheia.tracking import app as tracking_app
from aletheia.tracking.app import create_app
from aletheia.tracking.store import Store


def test_create_app_binds_names_as_values(client: TestClient) -> None:
    trick = "x' OR '1'='1"
    client.post("/api/v1/projects/p/runs/u", json={"metadata": {"name": "n"}})
    for query in (
        {"name": trick},
        {"label": f"{trick}=1"},
        {"uid": trick},
        {"states": trick},
        {"name": "~%"},
    ):
        assert client.get("/api/v1/projects/p/runs", params=query).json()["runs"] == []
    refused = client.get("/api/v1/projects/p/runs", params={"partition-by": trick, "partition-sort-by": "updated"})
    assert refused.status_code == 422


def test_create_app_names_unknown_addresses(client: TestClient) -> None:
    answer = client.get("/somewhere")
    assert (answer.status_code, answer.json()["detail"]) == (404, "Not Found: GET /somewhere")


@pytest.mark.parametrize(
    "path",
    [
        *("project-summaries", "frontend-spec", "healthz", "projects?format=minimal", "project-summaries/p"),
        *(
            "projects/p/pipelines",
            "projects/p/feature-vectors",
            "projects/p/artifact-tags",
            "projects/p/schedules",
        ),
        *("projects/*/runs", "projects/*/artifacts?category=model", "projects/*/functions?format=minimal"),
    ],
)
def test_create_app_answers_the_ui(client: TestClient, path: str) -> None:
    assert client.get(f"/api/v1/{path}").status_code == 200


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_create_app_serves_both_versions_of_the_api(client, version):
    assert client.get(f"/api/{version}/projects/p").json()["metadata"]["name"] == "p"


@pytest.mark.parametrize(
    ("code", "free", "status"),
    [
        (sqlite3.SQLITE_FULL, 1 << 40, 507),
        (sqlite3.SQLITE_IOERR_WRITE, 0, 507),
        (sqlite3.SQLITE_IOERR_WRITE, 1 << 40, 500),
        (sqlite3.SQLITE_CORRUPT, 0, 500),
    ],
)
def test_create_app_tells_a_full_disk_from_other_failures(app_home: Path, monkeypatch, code, free, status):
    store = Store(app_home / "tracking.db")

    def fail():
        error = sqlite3.OperationalError("failed")
        error.sqlite_errorcode = code
        raise error

    monkeypatch.setattr(store, "read", fail)
    monkeypatch.setattr(tracking_app.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": free}))
    app = create_app(store, app_home, 1)
    client = TestClient(app, base_url="http://127.0.0.1:8766", raise_server_exceptions=False)
    client.auth = (access.USER, access.make_token(app_home))
    answer = client.get("/api/v1/projects")
    assert answer.status_code == status
    assert str(store.path) in answer.json()["detail"]


def test_create_app_publishes_no_documentation(client):
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404
