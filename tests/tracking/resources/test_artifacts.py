"""Storing, tagging and deleting artifacts."""

from __future__ import annotations

import copy

import pytest

from aletheia.tracking.queries import ApiError, Page
from aletheia.tracking.resources import artifact_search, artifacts
from aletheia.tracking.resources.artifact_search import ArtifactFilters
from aletheia.tracking.resources.artifact_selector import ArtifactSelector


def put(store, key: str, content: object = None, **fields) -> str:
    """Store an artifact; returns its uid."""
    stored = artifacts.put(store, ArtifactSelector("p", key, **fields), {"kind": "model", "spec": {"content": content}})
    return stored["metadata"]["uid"]


def trees(store, **filters) -> list[str]:
    rows, _ = artifact_search.list_page(store, ArtifactFilters(project="p", **filters), Page())
    return [row["metadata"]["tree"] for row in rows]


def test_content_uid_ignores_what_is_filled_in_later():
    body = {"kind": "model", "metadata": {"key": "k", "tree": "t"}, "spec": {"target_path": "/a"}}
    uid = artifacts.content_uid(copy.deepcopy(body))
    later = copy.deepcopy(body)
    later["metadata"] |= {"labels": {"a": "b"}, "updated": "now", "created": "before", "tag": "v1", "uid": "x"}
    later["spec"] |= {"metrics": {"auc": 1}, "db_key": "run_k", "extra_data": {}}
    later["status"] = {"state": "ready"}
    assert artifacts.content_uid(later) == uid
    assert artifacts.content_uid({**body, "spec": {"target_path": "/b"}}) != uid
    assert artifacts.content_uid({**body, "kind": "artifact", "spec": {**body["spec"], "metrics": 1}}) != uid


def test_put_same_content_is_one_version(store, clock):
    first = put(store, "k", 1, tree="t")
    assert put(store, "k", 1, tree="t") == first
    second = put(store, "k", 2, tree="t")
    assert second != first
    rows, _ = artifact_search.list_page(store, ArtifactFilters(project="p"), Page())
    assert [row["metadata"]["uid"] for row in rows] == [second, first]


def test_put_moves_the_tag_to_the_last_producer(store, clock):
    put(store, "k", 1, tree="one", tag="production")
    assert trees(store, tag="latest") == trees(store, tag="production") == ["one"]
    put(store, "k", 2, tree="two")
    assert trees(store, tag="latest") == ["two"]
    assert trees(store, tag="production") == ["one"]


def test_put_tags_every_iteration_of_a_producer(store, clock):
    for iteration in (1, 2):
        put(store, "k", iteration, tree="grid", iteration=iteration)
    assert trees(store, tag="latest") == ["grid", "grid"]
    put(store, "k", 3, tree="single")
    assert trees(store, tag="latest") == ["single"]


def test_put_link_marks_the_best_iteration(store, clock):
    for iteration in (1, 2, 3):
        put(store, "k", iteration, tree="grid", iteration=iteration)
    link = {"kind": "link", "spec": {"link_iteration": 2}}
    assert artifacts.put(store, ArtifactSelector("p", "k", tree="grid"), link)["metadata"]["iter"] == 2
    assert artifact_search.get(store, ArtifactSelector("p", "k", iteration=0))["metadata"]["iter"] == 2
    link = {"kind": "link", "spec": {"link_iteration": 1}}
    artifacts.put(store, ArtifactSelector("p", "k", tree="grid"), link)
    assert artifact_search.get(store, ArtifactSelector("p", "k"))["metadata"]["iter"] == 1
    with pytest.raises(ApiError, match="Best iteration artifact not found"):
        link = {"kind": "link", "spec": {"link_iteration": 9}}
        artifacts.put(store, ArtifactSelector("p", "k", tree="grid"), link)


def test_put_create_refuses_a_known_version(store):
    put(store, "k", 1)
    with pytest.raises(ApiError, match="already-existing") as caught:
        artifacts.put(store, ArtifactSelector("p", "k"), {"kind": "model", "spec": {"content": 1}}, create=True)
    assert caught.value.status == 409


@pytest.mark.parametrize(
    ("fields", "body", "status"),
    [
        ({}, [], 422),
        ({}, {"metadata": 1}, 422),
        ({}, {"spec": "text"}, 422),
        ({}, {"metadata": {"project": "other"}}, 400),
        ({"key": "bad key"}, {}, 400),
        ({"key": ""}, {}, 400),
        ({"tag": "no tag!"}, {}, 400),
        ({"uid": "another content's"}, {}, 400),
        ({"project": "unknown"}, {}, 404),
    ],
)
def test_put_refuses_malformed_artifacts(store, fields, body, status):
    with pytest.raises(ApiError) as caught:
        artifacts.put(store, ArtifactSelector(**{"project": "p", "key": "k", **fields}), body)
    assert caught.value.status == status
    assert trees(store) == []


def test_delete_by_version_tag_or_producer(store, clock):
    uid = put(store, "k", 1, tree="one", tag="old")
    put(store, "k", 2, tree="two")
    put(store, "k", 3, tree="three")
    artifacts.delete(store, ArtifactSelector("p", "k", tag="none"))
    assert trees(store, tag="latest") == ["three"]
    artifacts.delete(store, ArtifactSelector("p", "k", tag="latest"))
    assert sorted(set(trees(store))) == ["one", "two"]
    artifacts.delete(store, ArtifactSelector("p", "k", tree="two", tag="*"))
    assert set(trees(store)) == {"one"}
    artifacts.delete(store, ArtifactSelector("p", "k", uid=uid, tag="ignored beside a uid"))
    assert trees(store) == []


def test_delete_many_by_filters(store):
    put(store, "k", 1, tree="one")
    put(store, "other", 2, tree="two")
    artifacts.delete_many(store, ArtifactFilters(project="p", name="k"))
    assert trees(store) == ["two"]
