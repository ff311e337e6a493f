"""Claimed versions, and the changes of production."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from aletheia.tracking.queries import ApiError
from aletheia.tracking.resources import artifacts, model_versions, projects, tags
from aletheia.tracking.resources.artifact_selector import ArtifactSelector


def log(store, tree: str, version: str, kind: str = "model", tag: str = "") -> str:
    body = {"kind": kind, "metadata": {"labels": {"version": version}}, "spec": {"tree": tree}}
    return artifacts.put(store, ArtifactSelector("p", "m", tree=tree, tag=tag or version), body)["metadata"]["uid"]


def production(store) -> list[str]:
    return [change["version"] for change in model_versions.listing(store, "p", "m")["production"]]


def test_claim_gives_each_version_once(store):
    assert model_versions.claim(store, "p", "m", {"version": "v1.0.0", "recipe": "a"})["version"] == "v1.0.0"
    with pytest.raises(ApiError, match="before") as refused:
        model_versions.claim(store, "p", "m", {"version": "v1.0.0", "recipe": "b"})
    assert refused.value.status == 409
    model_versions.claim(store, "p", "other", {"version": "v1.0.0", "recipe": "a"})
    assert [row["recipe"] for row in model_versions.listing(store, "p", "m")["versions"]] == ["a"]


def test_claim_of_many_at_once_has_one_winner(store):
    def attempt(number: int) -> bool:
        try:
            model_versions.claim(store, "p", "m", {"version": "v2.0.0", "recipe": str(number)})
        except ApiError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, range(12))) == 1


def test_claim_refuses_the_tag_of_a_model(store):
    log(store, "t1", "v1.0.0")
    with pytest.raises(ApiError, match="before"):
        model_versions.claim(store, "p", "m", {"version": "v1.0.0"})
    assert model_versions.listing(store, "p", "m")["versions"] == []


def test_versions_outlive_their_model(store):
    model_versions.claim(store, "p", "m", {"version": "v1.0.0"})
    log(store, "t1", "v1.0.0")
    tags.put(store, "p", "production", {"identifiers": [{"key": "m"}]}, replace_others=False)
    artifacts.delete(store, ArtifactSelector("p", "m"))
    with pytest.raises(ApiError, match="before"):
        model_versions.claim(store, "p", "m", {"version": "v1.0.0"})
    assert production(store) == ["v1.0.0"]
    projects.delete(store, "p", "cascade")
    assert model_versions.listing(store, "p", "m") == {"versions": [], "production": []}


@pytest.mark.parametrize(
    "body", [None, {}, {"version": "1.0.0"}, {"version": "v01.0.0"}, {"version": "v1.0"}, {"version": 1}]
)
def test_claim_refuses_what_is_no_version(store, body):
    with pytest.raises(ApiError) as refused:
        model_versions.claim(store, "p", "m", body)
    assert refused.value.status == 422


def test_production_is_noted_with_the_tag_however_it_is_set(store):
    first = log(store, "t1", "v1.0.0", tag="production")
    second = log(store, "t2", "v1.0.1")
    for uid in (second, second, first):
        tags.put(store, "p", "production", {"identifiers": [{"key": "m", "uid": uid}]}, replace_others=False)
    assert production(store) == ["v1.0.0", "v1.0.1", "v1.0.0"]
    log(store, "t3", "v9.0.0", kind="dataset", tag="production")
    assert production(store) == ["v1.0.0", "v1.0.1", "v1.0.0"]


def test_a_transaction_that_fails_notes_nothing(store):
    uid = log(store, "t1", "v1.0.0")
    target = ArtifactSelector("p", "m", tag="production", iteration=0, tree="t1")
    with pytest.raises(RuntimeError), store.write() as connection:
        row = connection.execute("SELECT id FROM artifacts WHERE uid = ?", (uid,)).fetchone()
        artifacts.set_tag(connection, row["id"], target)
        raise RuntimeError
    assert production(store) == []
