"""Routes of versions of models."""

from __future__ import annotations

from aletheia.tracking.routes import model_versions

PATH = "/api/v1/projects/p/model-versions/detector"


def test_every_route_is_tested_here(endpoints):
    path = "/projects/{project}/model-versions/{key}"
    assert endpoints(model_versions.router) == {f"GET {path}", f"POST {path}"}


def test_claim_and_list(client):
    assert client.get(PATH).json() == {"versions": [], "production": []}
    body = {"version": "v1.0.0", "recipe": "a-b"}
    assert client.post(PATH, json=body).status_code == 201
    refused = client.post(PATH, json=body)
    assert refused.status_code == 409 and "v1.0.0" in refused.json()["detail"]
    assert client.post(PATH, json={"version": "newest"}).status_code == 422
    (claimed,) = client.get(PATH).json()["versions"]
    assert claimed["version"] == "v1.0.0" and claimed["recipe"] == "a-b" and claimed["claimed"].startswith("20")
