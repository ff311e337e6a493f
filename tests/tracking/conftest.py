"""Fixtures: a database, an application without a process, and an MLflow database beside a recorder of runs."""

from __future__ import annotations

import itertools
import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from aletheia.tracking import access, folders, mlflow_export, queries
from aletheia.tracking.app import create_app
from aletheia.tracking.resources import projects
from aletheia.tracking.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A database with one empty project, ``p``."""
    store = Store(tmp_path / "tracking.db")
    projects.put(store, "p", {"metadata": {"name": "p"}})
    return store


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> float:
    """Let the service's clock go by one second with each reading; the value is that of the first."""
    start = 1_800_000_000.0
    ticks = itertools.count()
    monkeypatch.setattr(queries, "now", lambda: start + next(ticks))
    return start


@pytest.fixture
def app_home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "artifacts").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def client(app_home: Path) -> Iterator[TestClient]:
    """A client of an application in this process, which has a project ``p``."""
    app = create_app(Store(app_home / "tracking.db"), app_home, 1)
    with TestClient(app, base_url="http://127.0.0.1:8766", raise_server_exceptions=False) as client:
        client.auth = (access.USER, access.make_token(app_home))  # there is no connection to recognise it by
        assert client.post("/api/v1/projects", json={"metadata": {"name": "p"}}).status_code == 201
        yield client


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables without rows; making them takes seconds, copying the file none."""
    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    mlflow_export.connect(f"sqlite:///{path}")
    return path


@pytest.fixture
def uri(empty_database: Path, tmp_path: Path) -> str:
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def mlflow(uri: str):
    return mlflow_export.connect(uri)


class Recorder:
    """Writes runs and artifacts as the MLRun client does, without importing it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=120)
        self.name = f"export-{uuid.uuid4().hex[:8]}"
        self.folder = folder
        self.http.post("/api/v1/projects", json={"metadata": {"name": self.name}}).raise_for_status()

    def run(self, uid: str, iteration: int = 0, name: str = "train", labels: dict | None = None, **status) -> None:
        body = {
            "metadata": {
                "name": name,
                "uid": uid,
                "iteration": iteration,
                "labels": {"owner": "ada", **(labels or {})},
            },
            "spec": {
                "parameters": {"lr": 0.1 * (iteration + 1)},
                "inputs": {"table": "store://datasets/x/y"},
            },
            "status": {"state": "completed", "start_time": "2026-01-02T03:04:05+00:00", **status},
        }
        path = f"/api/v1/projects/{self.name}/runs/{uid}"
        # json.dumps writes infinity, as the client does; httpx would refuse to.
        self.http.post(path, params={"iter": iteration}, content=json.dumps(body)).raise_for_status()

    def artifact(self, tree: str, key: str, iteration: int = 0, kind: str = "artifact", tag: str = "", **spec) -> dict:
        suffix = f"-{iteration}" if iteration else ""
        metadata = {"key": key, "tree": tree, "iter": iteration, "hash": "0123456789" * 5}
        producer = {"kind": "run", "uri": f"{self.name}/{tree}{suffix}"}
        body = {"kind": kind, "metadata": metadata, "spec": {"producer": producer, **spec}, "status": {}}
        query = {"tree": tree, "iter": iteration} | ({"tag": tag} if tag else {})
        path = f"/api/v2/projects/{self.name}/artifacts/train_{key}"
        answer = self.http.put(path, params=query, json=body)
        answer.raise_for_status()
        return answer.json()

    def file(self, name: str, data: bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return str(path)

    def copies(self, mlflow) -> dict[tuple[str, int], object]:
        """MLflow's copies of the project's runs by uid and iteration."""
        experiment = mlflow.get_experiment_by_name(self.name)
        runs = mlflow.search_runs([experiment.experiment_id])
        return {(run.data.tags["mlrun.uid"], int(run.data.tags["mlrun.iteration"])): run for run in runs}


@pytest.fixture
def recorder(tracking_url: str, tracking_home: Path, tmp_path: Path) -> Recorder:
    folders.allow(tracking_home, tmp_path / "artifacts")
    return Recorder(tracking_url, tmp_path / "artifacts")
