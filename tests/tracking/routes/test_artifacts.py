"""Artifacts and their tags by HTTP."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from aletheia.tracking.routes import artifacts

PATH = "/api/v2/projects/p/artifacts"


@pytest.fixture
def uid(client: TestClient) -> str:
    """Version of an artifact ``k``, stored as iteration 2 of the producer ``t``."""
    answer = client.put(f"{PATH}/k", params={"tree": "t", "iter": 2, "tag": "v1"}, json={"kind": "model"})
    return answer.json()["metadata"]["uid"]


def test_router_has_the_paths_of_the_client(endpoints) -> None:
    prefix = "/projects/{project}"
    assert endpoints(artifacts.router) == {
        *(f"{method} {prefix}/artifacts" for method in ("POST", "GET", "DELETE")),
        *(f"{method} {prefix}/artifacts/{{key:path}}" for method in ("PUT", "GET", "DELETE")),
        f"GET {prefix}/artifact-tags",
        *(f"{method} {prefix}/tags/{{tag}}" for method in ("PUT", "POST", "DELETE")),
    }


@pytest.mark.parametrize(
    "query",
    [{}, {"iter": 2}, {"tag": "v1"}, {"tree": "t"}, {"tree": "t", "iter": 2, "tag": "latest"}],
)
def test_get_artifact_by_its_selector(client: TestClient, uid: str, query: dict) -> None:
    assert client.get(f"{PATH}/k", params=query).json()["metadata"]["uid"] == uid


@pytest.mark.parametrize("query", [{"iter": 1}, {"tag": "v2"}, {"tree": "u"}, {"object-uid": "x"}, {"uid": "x"}])
def test_get_artifact_that_does_not_match(client: TestClient, uid: str, query: dict) -> None:
    assert client.get(f"{PATH}/k", params=query).status_code == 404


def test_get_artifact_by_both_names_of_the_version(client: TestClient, uid: str) -> None:
    for name in ("uid", "object-uid"):
        assert client.get(f"{PATH}/k", params={name: uid}).json()["metadata"]["uid"] == uid
    assert client.get(f"{PATH}/k", params={"object-uid": uid, "uid": "ignored"}).status_code == 200


def test_get_artifact_refuses_negative_iterations(client: TestClient) -> None:
    answer = client.get(f"{PATH}/k", params={"iter": -1})
    assert (answer.status_code, answer.json()["detail"][:10]) == (422, "query.iter")


def test_create_artifact_needs_a_key(client: TestClient) -> None:
    assert client.post(PATH, json={"metadata": {}}).status_code == 422
    assert client.post(PATH, json={"metadata": {"key": "k"}}).status_code == 201
    assert client.post(PATH, json={"metadata": {"key": "k"}}).status_code == 409


def test_store_artifact_refuses_another_version(client: TestClient, uid: str) -> None:
    for version, status in ((uid, 200), ("other", 400)):
        query = {"tree": "t", "iter": 2, "object-uid": version}
        assert client.put(f"{PATH}/k", params=query, json={"kind": "model"}).status_code == status


def test_delete_artifact_by_its_selector(client: TestClient, uid: str) -> None:
    assert client.delete(f"{PATH}/k", params={"deletion_strategy": "data-force"}).status_code == 501
    assert client.delete(f"{PATH}/k", params={"tag": "none"}).status_code == 204
    assert client.get(f"{PATH}/k").status_code == 200
    assert client.delete(f"{PATH}/k", params={"uid": uid, "tag": "none"}).status_code == 204
    assert client.get(f"{PATH}/k").status_code == 404


def test_delete_artifact_without_a_key_deletes_nothing(client: TestClient, uid: str) -> None:
    assert client.delete(f"{PATH}/").status_code == 204
    assert client.get(f"{PATH}/k").status_code == 200


def test_tags_put_overwritten_and_deleted(client: TestClient, uid: str) -> None:
    body = {"identifiers": [{"key": "k", "iter": 2}]}
    path = "/api/v1/projects/p/tags/best"
    listing = "/api/v1/projects/p/artifact-tags"
    assert client.put(path, json=body).json() == {"name": "best", "project": "p"}
    assert client.get(listing).json()["tags"] == ["best", "latest", "v1"]
    client.post(path, json=body)
    assert client.get(listing).json()["tags"] == ["best"]
    assert client.request("DELETE", path, json=body).status_code == 204
    assert client.get(listing).json() == {"project": "p", "tags": []}


@pytest.mark.parametrize("identifier", [{"key": 5}, {"key": ["a"]}, {"kind": {"a": 1}}, {"key": "k", "iter": "two"}])
def test_tags_refuse_identifiers_of_wrong_types(client: TestClient, identifier: dict) -> None:
    body = {"identifiers": [identifier]}
    for method in ("PUT", "POST", "DELETE"):
        answer = client.request(method, "/api/v1/projects/p/tags/best", json=body)
        assert answer.status_code == 422
        assert "identifier" in answer.json()["detail"]
