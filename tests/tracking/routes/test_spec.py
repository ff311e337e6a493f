"""Descriptions of the server by HTTP."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi.testclient import TestClient

import aletheia
from aletheia.tracking.routes import spec


def test_router_has_the_paths_of_the_client(endpoints) -> None:
    names = ("client-spec", "healthz", "frontend-spec", "background-tasks/{name}")
    assert endpoints(spec.router) == {f"GET /{name}" for name in names}
    assert endpoints(spec.status_router) == {"GET /aletheia/status"}


def test_client_spec_names_no_cluster(client: TestClient, app_home: Path) -> None:
    answer = client.get("/api/v1/client-spec").json()
    path = f"{app_home}/artifacts/{{{{project}}}}/{{{{run.uid}}}}"
    assert answer == {"version": "1.12.1", "namespace": "", "artifact_path": path}


def test_client_spec_version_is_that_of_the_installed_client(client: TestClient) -> None:
    import importlib.metadata

    assert client.get("/api/v1/client-spec").json()["version"] == importlib.metadata.version("mlrun")


def test_healthz_identifies_the_service(client: TestClient, app_home: Path) -> None:
    assert client.get("/api/v1/healthz").json() == {
        "status": "ok",
        "service": "aletheia-tracking",
        "version": aletheia.__version__,
        "pid": os.getpid(),
        "home": str(app_home),
        "recognised": False,
    }
    client.auth = None
    stranger = client.get("/api/v1/healthz").json()
    assert stranger == {
        "status": "ok",
        "service": "aletheia-tracking",
        "version": aletheia.__version__,
        "pid": os.getpid(),
        "recognised": False,
    }


def test_frontend_spec_lists_the_allowed_folders(client: TestClient, app_home: Path) -> None:
    answer = client.get("/api/v1/frontend-spec").json()
    assert answer["allowed_artifact_path_prefixes_list"] == [f"{app_home}/artifacts/"]


def test_status_counts_rows(client: TestClient, app_home: Path) -> None:
    client.post("/api/v1/projects/p/runs/u", json={"metadata": {"name": "n"}, "status": {"state": "running"}})
    answer = client.get("/aletheia/status").json()
    assert answer["counts"] == {"projects": 1, "runs": 1, "artifacts": 0, "functions": 0}
    assert [run["uid"] for run in answer["unfinished"]] == ["u"]
    assert answer["lost"] == []
    assert answer["bytes"] >= (app_home / "tracking.db").stat().st_size
