"""Tagging of stored artifacts."""

from __future__ import annotations

import pytest

from aletheia.tracking.queries import ApiError, Page
from aletheia.tracking.resources import artifact_search, artifacts, tags
from aletheia.tracking.resources.artifact_search import ArtifactFilters
from aletheia.tracking.resources.artifact_selector import ArtifactSelector


@pytest.fixture
def filled(store, clock):
    for key, kind, tree in (("a", "model", "t1"), ("a", "model", "t2"), ("b", "plot", "t1")):
        artifacts.put(store, ArtifactSelector("p", key, tree=tree), {"kind": kind, "spec": {"tree": tree}})
    return store


def tagged(store, tag: str) -> list[tuple[str, str]]:
    rows, _ = artifact_search.list_page(store, ArtifactFilters(project="p", tag=tag), Page())
    return sorted((row["spec"]["db_key"], row["metadata"]["tree"]) for row in rows)


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ({"key": "a", "producer_id": "t1"}, [("a", "t1")]),
        ({"key": "a", "iter": 0}, [("a", "t2")]),  # a tag is on one row of each key and iteration: the newest
        ({"key": "~A", "kind": "model", "producer_id": "t2"}, [("a", "t2")]),
        ({"kind": "plot"}, [("b", "t1")]),
        ({"uid": "t1"}, [("a", "t1"), ("b", "t1")]),  # early clients: the producer in place of the uid
        ({"uid": "t1", "producer_id": "t1"}, []),
        ({"key": "a", "iter": 1}, []),
    ],
)
def test_put_tags_the_named_artifacts(filled, identifier, expected):
    answer = tags.put(filled, "p", "mark", {"identifiers": [identifier]}, replace_others=False)
    assert answer == {"name": "mark", "project": "p"}
    assert tagged(filled, "mark") == expected
    assert len(tagged(filled, "latest")) == 2


def test_put_replaces_other_tags(filled):
    tags.put(filled, "p", "only", {"identifiers": [{"key": "b"}]}, replace_others=True)
    assert tagged(filled, "only") == [("b", "t1")]
    assert tagged(filled, "latest") == [("a", "t2")]


@pytest.mark.parametrize(
    ("body", "status"),
    [(None, 422), ({}, 422), ({"identifiers": {}}, 422), ({"identifiers": ["b"]}, 422), ({"identifiers": [{}]}, 400)],
)
def test_put_refuses_malformed_bodies(filled, body, status):
    with pytest.raises(ApiError) as caught:
        tags.put(filled, "p", "mark", body, replace_others=False)
    assert caught.value.status == status


def test_delete_leaves_other_tags(filled):
    body = {"identifiers": [{"key": "b"}]}
    tags.put(filled, "p", "mark", body, replace_others=False)
    tags.delete(filled, "p", "mark", body)
    tags.delete(filled, "p", "mark", body)
    assert tagged(filled, "mark") == []
    assert ("b", "t1") in tagged(filled, "latest")


def test_names_of_a_category(filled):
    tags.put(filled, "p", "mark", {"identifiers": [{"key": "b"}]}, replace_others=False)
    assert tags.names(filled, "p", None) == ["latest", "mark"]
    assert tags.names(filled, "p", "other") == ["latest", "mark"]
    assert tags.names(filled, "p", "model") == ["latest"]
    assert tags.names(filled, "p", "dataset") == []
