"""The description for one client: address, key, snippets."""

from __future__ import annotations

import pytest

from aletheia.serving.description import describe, public_address


def scope(path: str = "/openapi.json", **headers: str) -> dict:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "scheme": "http", "path": path, "headers": pairs, "root_path": ""}


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"host": "127.0.0.1:7860"}, "http://127.0.0.1:7860"),
        ({"host": "[::1]:80"}, "http://[::1]:80"),
        (
            {"host": "in:1", "x_forwarded_host": "faces.example, b", "x_forwarded_proto": "https"},
            "https://faces.example",
        ),
        ({"host": "a", "x_forwarded_prefix": "/tools/faces/"}, "http://a/tools/faces"),
        ({"host": "a", "x_forwarded_prefix": '/"><script>', "x_forwarded_proto": "javascript"}, "http://a"),
        ({"host": 'a"b', "x_forwarded_host": "c d"}, ""),
        ({}, ""),
    ],
)
def test_public_address(headers, address):
    assert public_address(scope(**headers)) == address


def test_public_address_root_path():
    assert public_address({**scope(host="a"), "root_path": "/p"}) == "http://a/p"


def test_describe_without_key(served):
    made = describe(served.app, scope(host="faces.example"))
    assert made["servers"] == [{"url": "http://faces.example"}]
    operations = [operation for methods in made["paths"].values() for operation in methods.values()]
    assert all(operation["security"] == [] and len(operation["x-codeSamples"]) == 3 for operation in operations)
    assert "securitySchemes" not in made["components"]
    assert "x-codeSamples" not in str(served.app.openapi()), "the description that all clients share stays as it is"
    text = str(made["paths"]["/v2/models/{name}/ready"]["get"]["x-codeSamples"])
    assert f"http://faces.example/v2/models/{served.app.state.service.loaded.name}/ready" in text


def test_describe_key_where_needed(serving):
    with serving(api_key="k") as locked:
        made = locked.client.get("/openapi.json").json()
        assert locked.client.get("/openapi.json").headers["cache-control"] == "no-store"
        for path, methods in made["paths"].items():
            refused = locked.client.get(path.replace("{", "").replace("}", "")).status_code == 401
            for operation in methods.values():
                assert bool(operation["security"]) == refused, path
        assert set(made["components"]["securitySchemes"]) == {"bearer", "header"}
        for headers in ({"X-API-Key": "k"}, {"Authorization": "Bearer k"}):
            assert locked.client.get("/v2/models", headers=headers).status_code == 200
