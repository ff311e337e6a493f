"""Reading artifacts."""

from __future__ import annotations

import pytest

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError, Page, Where
from aletheia.tracking.resources import artifact_search, artifacts
from aletheia.tracking.resources.artifact_search import ArtifactFilters
from aletheia.tracking.resources.artifact_selector import ArtifactSelector

KINDS = {"k_model": "model", "k_table": "dataset", "k_doc": "document", "k_plot": "plot", "k_prompt": "llm-prompt"}


@pytest.fixture
def filled(store, clock):
    """One artifact of each kind by run ``one``, and a newer model by run ``two``."""
    for key, kind in KINDS.items():
        body = {"kind": kind, "metadata": {"labels": {"kind": kind}}, "spec": {"producer": {"uri": "p/one"}}}
        artifacts.put(store, ArtifactSelector("p", key, tree="one", tag="v1"), body)
    body = {"kind": "model", "spec": {"parent_uri": "store://models/p/k_base", "target_path": "/two"}}
    artifacts.put(store, ArtifactSelector("p", "k_model", tree="two"), body)
    return store


def keys(store, **filters) -> list[str]:
    """Keys of the matching rows, sorted; one for each tag."""
    rows, _ = artifact_search.list_page(store, ArtifactFilters(project="p", **filters), Page())
    return sorted(row["spec"]["db_key"] for row in rows)


def test_get_prefers_the_newest(filled):
    assert artifact_search.get(filled, ArtifactSelector("p", "k_model"))["metadata"]["tree"] == "two"
    assert artifact_search.get(filled, ArtifactSelector("p", "k_model", tag="v1"))["metadata"]["tree"] == "one"
    assert artifact_search.get(filled, ArtifactSelector("p", "k_model", tree="one"))["metadata"]["tree"] == "one"


def test_get_shows_the_tag_it_was_asked_for(filled):
    assert artifact_search.get(filled, ArtifactSelector("p", "k_model", tag="v1"))["metadata"]["tag"] == "v1"
    assert "tag" not in artifact_search.get(filled, ArtifactSelector("p", "k_model"))["metadata"]


def test_get_by_uid_ignores_latest(filled):
    old = artifact_search.get(filled, ArtifactSelector("p", "k_model", tree="one"))["metadata"]["uid"]
    body = artifact_search.get(filled, ArtifactSelector("p", "k_model", uid=old, tag="latest"))
    assert body["metadata"]["tree"] == "one"
    inline = ArtifactSelector("p", "k_model", tree=f"one^{old}")
    assert artifact_search.get(filled, inline)["metadata"]["uid"] == old


def test_get_missing_names_the_selection(filled):
    with pytest.raises(ApiError, match=r"^Artifact p/k_model#3:v9@t\^u not found$") as caught:
        artifact_search.get(filled, ArtifactSelector("p", "k_model", tag="v9", iteration=3, tree="t", uid="u"))
    assert caught.value.status == 404


def test_get_minimal_leaves_out_other_fields(filled):
    body = artifact_search.get(filled, ArtifactSelector("p", "k_model", tree="two"), "minimal")
    assert body["spec"]["target_path"] == "/two"
    assert set(body) <= {"kind", "metadata", "status", "project", "spec"}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"tag": "v1"}, sorted(KINDS)),
        ({"tag": "latest", "kind": "model"}, ["k_model"]),
        ({"category": "other"}, ["k_plot"] * 2),
        ({"category": "llm-prompt", "tag": "v1"}, ["k_prompt"]),
        ({"label": ["kind=plot"], "tag": "v1"}, ["k_plot"]),
        ({"tree": "two"}, ["k_model"]),
        ({"producer_uri": "one", "tag": "v1"}, sorted(KINDS)),
        ({"parent": "store://models/p/k_base"}, ["k_model"]),
        ({"iter": 1}, []),
        ({"best_iteration": True, "tree": "two"}, ["k_model"]),
        ({"limit": 1}, ["k_model"]),
        ({"name": "~TABLE", "tag": "v1"}, ["k_table"]),
    ],
)
def test_list_page_filters(filled, filters, expected):
    assert keys(filled, **filters) == expected


def test_list_page_time_interval(filled):
    rows, _ = artifact_search.list_page(filled, ArtifactFilters(project="p"), Page())
    times = sorted({queries.parse_time(row["metadata"]["updated"]) for row in rows})
    assert len(times) == len(KINDS) + 1

    def trees(**filters) -> list[str]:
        rows, _ = artifact_search.list_page(filled, ArtifactFilters(project="p", kind="model", **filters), Page())
        return [row["metadata"]["tree"] for row in rows]

    assert trees(until=queries.to_iso(times[0])) == ["one"]
    assert trees(since=queries.to_iso(times[-1])) == ["two"]
    assert trees(since=queries.to_iso(times[0]), until=queries.to_iso(times[-1])) == ["two", "one"]


def test_list_page_partitions(filled):
    rows, _ = artifact_search.list_page(filled, ArtifactFilters(project="p", partition_by="name"), Page())
    newest = {row["spec"]["db_key"]: row["metadata"]["tree"] for row in rows}
    assert newest == {key: "two" if key == "k_model" else "one" for key in KINDS}


def test_list_page_pages_by_tag(filled):
    rows, more = artifact_search.list_page(filled, ArtifactFilters(project="p", kind="model"), Page(1, 2))
    assert ([row["metadata"]["tag"] for row in rows], more) == (["latest", "v1"], False)
    assert artifact_search.list_page(filled, ArtifactFilters(project="p"), Page(1, 2))[1] is True


def test_conditions_refuse_contradictions():
    with pytest.raises(ApiError, match="Best iteration"):
        artifact_search.conditions(ArtifactFilters(project="p", best_iteration=True, iter=1))
    with pytest.raises(ApiError, match="Category and kind"):
        artifact_search.conditions(ArtifactFilters(project="p", kind="model", category="model"))


def test_of_category_other_excludes_the_named_ones():
    where = Where()
    artifact_search.of_category(where, "other")
    assert where.values == ["model", "dataset", "document", "llm-prompt"]
    where = Where()
    artifact_search.of_category(where, None)
    assert where.sql() == "1"


def test_of_run_gives_iterations_or_the_best(store):
    for iteration in (1, 2):
        body = {"spec": {"content": iteration}}
        artifacts.put(store, ArtifactSelector("p", "k", tree="grid", iteration=iteration), body)
    link = {"kind": "link", "spec": {"link_iteration": 2}}
    artifacts.put(store, ArtifactSelector("p", "k", tree="grid"), link)
    with store.read() as connection:
        for iteration, expected in ((0, 2), (1, 1), (2, 2)):
            (body,) = artifact_search.of_run(connection, "p", "grid", iteration)
            assert body["metadata"]["iter"] == expected
        assert artifact_search.of_run(connection, "p", "grid", 3) == []


def test_by_uris_follows_addresses(filled):
    uris = {
        "model": "store://models/p/k_model#0@one",
        "tagged": "k_table:shown",
        "gone": "store://models/p/none@one",
        "malformed": "::",
    }
    with filled.read() as connection:
        bodies = artifact_search.by_uris(connection, "p", uris)
        assert artifact_search.by_uris(connection, "p", "not a dictionary") == []
    assert [(body["spec"]["db_key"], body["metadata"]["tag"]) for body in bodies] == [
        ("k_model", "v1"),
        ("k_table", "shown"),
    ]
