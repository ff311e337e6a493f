"""Fixtures of the export to MLflow: a database of its own, and runs written as the MLRun client writes them."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path

import httpx
import pytest

from aletheia.tracking import folders, mlflow_export


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
        self.http = httpx.Client(base_url=url, trust_env=False)
        self.name = f"export-{uuid.uuid4().hex[:8]}"
        self.folder = folder
        self.http.post("/api/v1/projects", json={"metadata": {"name": self.name}}).raise_for_status()

    def run(self, uid: str, iteration: int = 0, name: str = "train", **status) -> None:
        body = {
            "metadata": {"name": name, "uid": uid, "iteration": iteration, "labels": {"owner": "ada"}},
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


@pytest.fixture
def recorder(tracking_url: str, tracking_home: Path, tmp_path: Path) -> Recorder:
    folders.allow(tracking_home, tmp_path / "artifacts")
    return Recorder(tracking_url, tmp_path / "artifacts")
