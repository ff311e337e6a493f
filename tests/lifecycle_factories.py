"""Models that are registered as the function `register` does it, without networks and without the MLRun client."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from aletheia.lifecycle.model_versions.catalog import load_catalog
from aletheia.lifecycle.model_versions.production import change
from aletheia.lifecycle.model_versions.registration import claim_version, lifecycle_label, publish
from aletheia.lifecycle.staging.records import STAGING, bundle_hash
from aletheia.models.model_files import WEIGHTS
from aletheia.models.spec import ModelSpec, write_spec
from aletheia.tracking.reader import Reader

PASSED = {"no leakage": {"state": "passed", "passed": True, "code": "no-leakage", "required": True, "exception": ""}}


def write_bundle(folder: Path, **values) -> tuple[Path, ModelSpec]:
    """Write the files of a model; the weights are no network but have the hash that is stated."""
    folder.mkdir(parents=True)
    content = uuid.uuid4().bytes
    (folder / WEIGHTS).write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    fields = {"architecture": "attention_cnn", "input_size": 64, "data_hash": "a" * 64, "checks": PASSED}
    spec = ModelSpec(**{**fields, **values, "weights_sha256": sha256})
    write_spec(folder, spec)
    return folder, spec


class Registry:
    """A project of a tracking service, and bundles below a folder.

    Attributes
    ----------
    served : Path or None
        A folder that a server of buckets serves: bundles in it are registered by their address there.
    """

    def __init__(self, url: str, folder: Path, name: str = "") -> None:
        self.url, self.folder = url, folder
        self.name = name or f"lifecycle-{uuid.uuid4().hex[:8]}"
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=120)
        self.http.post("/api/v1/projects", json={"metadata": {"name": self.name}}).raise_for_status()
        self.reader = Reader(url)
        self.models: dict[str, str] = {}  # for tests to note something by version
        self.served: Path | None = None

    def bundle(self, **values) -> tuple[Path, ModelSpec]:
        """Write files in a folder of their own, see `write_bundle`."""
        return write_bundle(self.folder / uuid.uuid4().hex / "detector", **values)

    def target(self, path: Path) -> str:
        """Return where a file or folder lies, as an artifact says it."""
        if self.served is not None and path.is_relative_to(self.served):
            return f"s3://{path.relative_to(self.served)}"
        return str(path)

    def log(self, folder: Path, spec: ModelSpec, tag: str, **labels: str) -> str:
        """Log a bundle under a tag; returns the uid of the artifact."""
        body = {
            "kind": "model",
            "metadata": {"key": "detector", "tree": uuid.uuid4().hex, "labels": labels},
            "spec": {
                "target_path": f"{self.target(folder)}/",
                "algorithm": spec.architecture,
                "metrics": {"test_auc": 0.9},
            },
            "status": {},
        }
        path = f"/api/v2/projects/{self.name}/artifacts/detector"
        answer = self.http.put(path, params={"tree": body["metadata"]["tree"], "tag": tag}, json=body)
        answer.raise_for_status()
        return answer.json()["metadata"]["uid"]

    def register(self, tag: str = "candidate", wanted: str = "", **values) -> str:
        """Register a model as the notebook does; returns its version."""
        return self.register_bundle(*self.bundle(**values), tag, wanted)

    def note_staging(self, version: str, *, passed: bool = True) -> str:
        """Note a staging that came out so, as `deploy` does at its end; returns the uid of the run."""
        model = self.catalog().find(version)
        results = {"environment": STAGING, "bundle": bundle_hash(model.fetch()), "passed": passed}
        results |= {"version": model.name, "to_uid": model.uid, "verdict": "passed" if passed else "failed"}
        return self.reader.note_run(self.name, "deploy", results, labels=lifecycle_label("deploy"))

    def register_bundle(self, folder: Path, spec: ModelSpec, tag: str, wanted: str = "", *, staged: bool = True) -> str:
        """Register a bundle that is there already, and has passed the staging unless told; returns its version."""
        labels = claim_version(spec, wanted, project=self.name)
        labels |= {"weights": spec.weights_sha256[:32], "verdict": tag, "evaluation": "run-of-evaluate"}
        version = labels["version"]
        self.log(folder, spec, version, **labels)
        uid = self.reader.note_run(self.name, "register", {}, labels=lifecycle_label("register"), state="running")
        results = publish(version, tag, project=self.name)
        body = {"status.results": results, "status.state": "completed"}
        self.http.patch(f"/api/v1/projects/{self.name}/runs/{uid}", json=body).raise_for_status()
        if staged:
            self.note_staging(version)
        return version

    def catalog(self):
        return load_catalog(self.reader, self.name)

    def change(self, action: str, word: str = "", **values):
        return change(action, word, project=self.name, **values)

    def production(self) -> list[str]:
        """Versions of all models with the tag; there must never be two."""
        return [model.name for model in self.catalog().models if "production" in model.tags]


@pytest.fixture
def registry(tracking_url: str, tmp_path: Path) -> Iterator[Registry]:
    registry = Registry(tracking_url, tmp_path / "artifacts")
    yield registry
    registry.http.delete(f"/api/v1/projects/{registry.name}", headers={"x-mlrun-deletion-strategy": "cascade"})
