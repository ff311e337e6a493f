"""Functions by HTTP."""

from __future__ import annotations

from fastapi.testclient import TestClient

from aletheia.tracking.routes import functions

PATH = "/api/v1/projects/p/functions"


def test_router_has_the_paths_of_the_client(endpoints) -> None:
    path = "/projects/{project}/functions"
    assert endpoints(functions.router) == {
        *(f"{method} {path}/{{name}}" for method in ("POST", "GET", "DELETE")),
        f"GET {path}",
    }


def test_functions_stored_read_listed_and_deleted(client: TestClient) -> None:
    body = {"kind": "job", "metadata": {"name": "f"}, "spec": {"image": "i"}}
    answer = client.post(f"{PATH}/f", params={"tag": "t", "versioned": True}, json=body)
    hash_key = answer.json()["hash_key"]
    for query in ({"tag": "t"}, {"hash_key": hash_key}):
        function = client.get(f"{PATH}/f", params=query).json()["func"]
        assert (function["spec"]["image"], function["metadata"]["hash"]) == ("i", hash_key)
    (listed,) = client.get(PATH).json()["funcs"]
    assert listed["metadata"]["tag"] == "t"
    assert client.delete(f"{PATH}/f").status_code == 204
    assert client.get(f"{PATH}/f", params={"tag": "t"}).status_code == 404
