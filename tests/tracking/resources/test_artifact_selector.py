"""Selection of artifacts."""

from __future__ import annotations

import pytest

from aletheia.tracking.queries import ApiError
from aletheia.tracking.resources.artifact_selector import ArtifactSelector, store_uri


@pytest.mark.parametrize(
    ("uri", "selector"),
    [
        ("store://models/q/k#2:v1@t^abc", ArtifactSelector("q", "k", tag="v1", iteration=2, tree="t", uid="abc")),
        ("store://artifacts/q/k", ArtifactSelector("q", "k", iteration=0)),
        ("k:latest", ArtifactSelector("p", "k", tag="latest", iteration=0)),
        ("q/k@t", ArtifactSelector("q", "k", iteration=0, tree="t")),
        ("k^abc", ArtifactSelector("p", "k", iteration=0, uid="abc")),
        ("", None),
        ("#3", None),
        (":tag@tree", None),
    ],
)
def test_from_uri_parses_all_parts(uri, selector):
    assert ArtifactSelector.from_uri(uri, "p") == selector


@pytest.mark.parametrize(("kind", "folder"), [("model", "models"), ("dataset", "datasets"), ("plot", "artifacts")])
def test_store_uri_is_parsed_back(kind, folder):
    metadata = {"project": "q", "key": "k", "iter": 3, "tag": "v1", "tree": "t", "uid": "abc"}
    uri = store_uri({"kind": kind, "metadata": metadata, "spec": {"db_key": "run_k"}})
    assert uri == f"store://{folder}/q/run_k#3:v1@t^abc"
    parsed = ArtifactSelector.from_uri(uri, "p")
    assert parsed == ArtifactSelector("q", "run_k", tag="v1", iteration=3, tree="t", uid="abc")


def test_store_uri_of_a_bare_artifact():
    assert store_uri({"metadata": {"key": "k"}}) == "store://artifacts//k#0"


def test_from_identifier_reads_the_client_names():
    item = {"key": "k", "kind": "model", "iter": 2, "uid": "abc", "producer_id": "t"}
    assert ArtifactSelector.from_identifier("p", item) == ArtifactSelector(
        "p", "k", kind="model", iteration=2, tree="t", uid="abc"
    )
    assert ArtifactSelector.from_identifier("p", {"key": "k", "iter": "2"}).iteration == 2
    assert ArtifactSelector.from_identifier("p", {"uid": "abc", "key": "", "iter": ""}) == ArtifactSelector(
        "p", uid="abc"
    )


@pytest.mark.parametrize(
    ("item", "status"),
    [({}, 400), ({"iter": 1}, 400), ({"key": ""}, 400), ({"key": 5}, 422), ({"kind": ["a"]}, 422)]
    + [({"key": "k", "iter": value}, 422) for value in ("one", [1], 1.5, "²")],
)
def test_from_identifier_refuses_malformed_ones(item, status):
    with pytest.raises(ApiError) as caught:
        ArtifactSelector.from_identifier("p", item)
    assert caught.value.status == status


def test_suffix_leaves_out_missing_parts():
    assert ArtifactSelector("p", "k", tag="v1", iteration=0, uid="abc").suffix == ":v1^abc"
    assert ArtifactSelector("p", "k", iteration=4, tree="t").suffix == "#4@t"


def test_where_binds_only_given_fields():
    where = ArtifactSelector("p", "k", iteration=0, uid="abc", tag="not part of it").where()
    assert where.sql() == "a.project = ? AND a.key = ? AND a.iteration = ? AND a.uid = ?"
    assert where.values == ["p", "k", 0, "abc"]
    assert ArtifactSelector("p").where().values == ["p"]


def test_where_treats_an_empty_key_as_a_key():
    """A request that names the empty key must not select all artifacts."""
    assert ArtifactSelector("p", "").where().values == ["p", ""]


def test_where_pattern_escapes_wildcards():
    assert ArtifactSelector("p", "~a_b%").where(pattern=True).values == ["p", r"%a\_b\%%"]
    assert ArtifactSelector("p", "~a").where().values == ["p", "~a"]
