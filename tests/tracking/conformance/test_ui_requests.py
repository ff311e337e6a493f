"""Conformance: the requests of the stock UI (mlrun/ui, 1.11 of December 2025), page by page, and what it reads of them.

They were taken from the UI's source (src/api and the pages that call it). ``{…}`` is filled in from a run of the test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

mlrun = pytest.importorskip("mlrun")

#: Page → (path with query, keys of the answer that the UI reads, each a way with dots; the first entry of a list is 0).
REQUESTS = {
    "projects": [
        ("/api/v1/frontend-spec", ("feature_flags.project_membership", "internal_labels", "ce", "artifact_limits")),
        ("/api/v1/projects?format=minimal", ("projects.0.metadata.name", "projects.0.status.state")),
        ("/api/v1/projects?format=name_only&state=online", ("projects.0",)),
        ("/api/v1/project-summaries", ("project_summaries.0.name", "project_summaries.0.runs_running_count")),
        ("/nuclio/api/functions", ()),
        ("/nuclio/api/api_gateways", ()),
    ],
    "overview of a project": [
        ("/api/v1/projects/{project}", ("metadata.name", "spec", "status.state")),
        ("/api/v1/project-summaries/{project}", ("name", "models_count", "files_count", "runs_failed_recent_count")),
        (
            "/api/v1/projects/{project}/runs?partition-by=name&partition-sort-by=updated&rows-per-partition=5"
            "&max-partitions=5&iter=false&start_time_from={past}",
            ("runs.0.metadata.name", "runs.0.status.state", "runs.0.status.start_time"),
        ),
        ("/api/v1/projects/{project}/runs?state=error&start_time_from={past}", ("runs",)),
        ("/api/v1/projects/{project}/runs?state=running", ("runs",)),
        ("/api/v1/projects/{project}/functions", ("funcs.0.metadata.name",)),
        ("/api/v1/projects/{project}/artifacts?category=model", ("artifacts",)),
        ("/api/v1/projects/{project}/artifacts?category=dataset", ("artifacts",)),
        ("/api/v1/projects/{project}/feature-sets", ("feature_sets",)),
        ("/api/v1/projects/{project}/schedules", ("schedules",)),
        ("/api/v1/projects/{project}/pipelines", ("runs",)),
        ("/api/v1/projects/{project}/secret-keys?provider=kubernetes", ("secret_keys",)),
        ("/nuclio/api/v3io_streams", ()),
    ],
    "list of jobs": [
        (
            "/api/v1/projects/{project}/runs?partition-by=project_and_name&partition-sort-by=updated&page=1"
            "&page-size=50",
            ("runs.0.metadata.uid", "runs.0.spec.function", "pagination.page", "pagination.page-size"),
        ),
        ("/api/v1/projects/{project}/runs?name=train&page=1&page-size=50", ("runs.0.metadata.uid", "pagination")),
        ("/api/v1/projects/{project}/runs?uid={uid}", ("runs.0.metadata.uid",)),
    ],
    "details of a run": [
        (
            "/api/v1/projects/{project}/runs/{uid}",
            ("data.metadata.uid", "data.spec.parameters.lr", "data.status.results.loss", "data.status.artifact_uris"),
        ),
        ("/api/v1/projects/{project}/runs/{uid}?iter=0", ("data.metadata.uid",)),
        ("/api/v1/projects/{project}/logs/{uid}", None),
        ("/api/v2/projects/{project}/artifacts?tree={uid}", ("artifacts.0.spec.db_key",)),
        ("/api/v1/projects/{project}/functions/{function}?hash_key={hash}", ("func.metadata.name", "func.spec")),
        ("/api/v1/projects/{project}/runtime-resources?label-selector=mlrun/uid={uid}&kind=job", ()),
    ],
    "artifacts and models": [
        *(
            (
                f"/api/v2/projects/{{project}}/artifacts?format=minimal&category={category}&partition-by=project_and_name"
                "&partition-sort-by=updated&page=1&page-size=50&tag=latest",
                keys,
            )
            for category, keys in (
                ("model", ("artifacts.0.kind", "artifacts.0.metadata.tree", "artifacts.0.spec.db_key", "pagination")),
                ("other", ("artifacts.0.metadata.key", "pagination.page")),
                ("dataset", ("artifacts", "pagination")),
                ("document", ("artifacts", "pagination")),
                ("llm-prompt", ("artifacts", "pagination")),
            )
        ),
        ("/api/v2/projects/{project}/artifacts?format=minimal&name=train_model&page=1&page-size=50", ("artifacts.0",)),
        (
            "/api/v2/projects/{project}/artifacts/train_model?tree={uid}&object-uid={model}&tag=latest",
            ("metadata.uid", "spec.target_path", "spec.model_file"),
        ),
        ("/api/v1/projects/{project}/artifact-tags?category=model", ("tags.0",)),
        ("/api/v1/projects/{project}/filestat?path={path}", ("size", "mimetype")),
        ("/api/v1/projects/{project}/files?path={path}", None),
        ("/api/v1/projects/{project}/model-endpoints", ("endpoints",)),
    ],
    "functions": [
        (
            "/api/v1/projects/{project}/functions?format=minimal&tag=*&page=1&page-size=50",
            ("funcs.0.kind", "funcs.0.metadata.tag", "funcs.0.metadata.hash", "pagination.page"),
        ),
        ("/api/v1/projects/{project}/functions?format=minimal&name=worker&page=1&page-size=50", ("funcs.0.kind",)),
        ("/api/v1/projects/{project}/functions?format=minimal&kind=serving", ("funcs",)),
        ("/api/v1/hub/sources/default/items", ("catalog",)),
        ("/nuclio/api/functions", ()),
        ("/api/function_templates", ()),
        ("/nuclio/api/function_templates", ()),
    ],
    "pipelines": [
        ("/api/v1/projects/{project}/pipelines?sort_by=created_at desc", ("runs", "next_page_token")),
        ("/api/v1/projects/*/pipelines?sort_by=created_at desc&name-contains=main", ("runs", "next_page_token")),
        (
            "/api/v1/projects/{project}/pipelines?filter=%7B%22predicates%22%3A%5B%7B%22key%22%3A%22name%22%2C%22op%22"
            "%3A9%2C%22string_value%22%3A%22{project}%22%7D%5D%7D&sort_by=created_at desc",
            ("runs",),
        ),
    ],
    "Nuclio's own address": [("/api/functions", ()), ("/api/projects", ()), ("/api/api_gateways", ())],
    "alerts": [
        ("/api/v1/projects/*/alert-activations?page=1&page-size=50", ("activations", "pagination")),
        ("/api/v1/projects/{project}/alerts", ("alerts",)),
    ],
}


def read(answer: Any, way: str) -> Any:
    """Follow a way through an answer; KeyError or IndexError where it ends."""
    for part in way.split("."):
        answer = answer[int(part)] if part.isdigit() else answer[part]
    return answer


@pytest.fixture
def values(project, run, db, tracking_home: Path) -> dict[str, str]:
    """A run with a model and a file, by the names of the requests."""
    project.get_function("worker").save()
    done = run(params={"lr": 0.5})
    (model,) = db.list_artifacts("train_model", project=project.metadata.name, tag="latest")
    note = tracking_home / "artifacts" / "note.txt"
    note.parent.mkdir(exist_ok=True)
    note.write_text("a file of the folder of artifacts")
    return {
        "project": project.metadata.name,
        "uid": done.uid(),
        "function": done.spec.function.partition("@")[0].rpartition("/")[2],
        "hash": done.spec.function.partition("@")[2],
        "model": model["metadata"]["uid"],
        "path": str(note),
        "past": "2020-01-01T00:00:00.000Z",
    }


def test_the_requests_of_the_ui_are_answered(tracking_url: str, values: dict[str, str]) -> None:
    wrong = []
    asked = [(page, way, keys) for page, requests in REQUESTS.items() for way, keys in requests]
    with httpx.Client(base_url=tracking_url, trust_env=False, timeout=30) as http:
        for page, way, keys in asked:
            path = way.format(**values)
            answer = http.get(path, headers={"x-nuclio-project-name": values["project"]})
            if answer.status_code != 200:
                wrong.append(f"{page}: {path}: {answer.status_code} {answer.text[:200]}")
                continue
            for key in keys or ():
                try:
                    read(answer.json(), key)
                except (KeyError, IndexError, TypeError):
                    wrong.append(f"{page}: {path}: no {key} in {answer.text[:300]}")
            if keys is not None and not keys and answer.json() not in ({}, []):
                wrong.append(f"{page}: {path}: {answer.text[:200]} is not empty")
    assert not wrong, "\n".join(wrong)
