"""Conformance: tags, filters, pages, partitions, comparing."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

mlrun = pytest.importorskip("mlrun")


def test_tags_put_moved_and_deleted(project, run, db) -> None:
    name = project.metadata.name
    first, second = run(params={"lr": 0.5}), run(params={"lr": 0.1})
    old = db.list_artifacts("train_model", project=name, tree=first.uid())[0]
    new = db.list_artifacts("train_model", project=name, tree=second.uid())[0]

    def tagged(tag: str) -> list[str]:
        return [item["metadata"]["tree"] for item in db.list_artifacts("train_model", project=name, tag=tag)]

    assert tagged("latest") == [second.uid()]
    db.tag_artifacts([mlrun.artifacts.dict_to_artifact(old)], name, "production")
    assert tagged("production") == [first.uid()]
    db.tag_artifacts(mlrun.artifacts.dict_to_artifact(new), name, "production")
    assert tagged("production") == [second.uid()], "a tag is on one version of a key"
    assert set(db.list_artifact_tags(name)) == {"latest", "production"}
    assert project.get_artifact("train_model", tag="production").tree == second.uid()
    db.delete_artifacts_tags(mlrun.artifacts.dict_to_artifact(new), name, "production")
    assert tagged("production") == []
    db.tag_artifacts(mlrun.artifacts.dict_to_artifact(new), name, "only", replace=True)
    assert tagged("only") == [second.uid()]
    assert tagged("latest") == []
    with pytest.raises(mlrun.errors.MLRunInvalidArgumentError):
        project.log_artifact("note", body=b"x", local_path="n.txt", tag="not a tag!")


def test_log_model_by_the_project_with_a_tag(project, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"1234")
    model = project.log_model("best", model_file=str(tmp_path / "weights.bin"), tag="production", metrics={"auc": 0.9})
    stored = project.get_artifact("best", tag="production")
    assert stored.uid == model.uid
    assert stored.spec.metrics == {"auc": 0.9}
    assert {item.tag for item in project.list_artifacts("best").to_objects()} == {"production", "latest"}
    (by_kind,) = project.list_models("best", tag="production")
    assert by_kind.key == "best"


def test_store_artifact_same_content_is_one_version(project, run, db) -> None:
    name, tree = project.metadata.name, run().uid()

    def store(target: str, **metadata) -> str:
        metadata |= {"key": "note", "project": name, "tree": tree, "iter": 0}
        body = {"kind": "artifact", "metadata": metadata, "spec": {"target_path": target}, "status": {}}
        return db.store_artifact("note", body, project=name, tree=tree)["metadata"]["uid"]

    first = store("/a")
    assert store("/a", labels={"stored": "twice"}) == first
    assert db.read_artifact("note", project=name)["metadata"]["labels"] == {"stored": "twice"}
    second = store("/b")
    assert second != first
    assert {item["metadata"]["uid"] for item in db.list_artifacts("note", project=name)} == {first, second}
    assert db.read_artifact("note", project=name)["metadata"]["uid"] == second
    assert db.read_artifact("note", project=name, uid=first)["spec"]["target_path"] == "/a"


def test_list_runs_filters(project, run, db) -> None:
    name = project.metadata.name
    before = datetime.datetime.now(datetime.UTC)
    first = run(name="alpha", labels={"team": "red", "size": "2"})
    second = run(name="beta-alpha", labels={"team": "blue"})
    with pytest.raises(mlrun.runtimes.utils.RunError):
        run("fail", name="gamma")

    def names(**filters) -> list[str]:
        return [item["metadata"]["name"] for item in db.list_runs(project=name, **filters)]

    assert names(name="alpha") == ["alpha"]
    assert sorted(names(name="~ALPHA")) == ["alpha", "beta-alpha"]
    assert names(uid=[first.uid()]) == ["alpha"]
    assert sorted(names(uid=[first.uid(), second.uid()])) == ["alpha", "beta-alpha"]
    assert names(states=["error"]) == ["gamma"]
    assert sorted(names(states=["error", "completed"])) == ["alpha", "beta-alpha", "gamma"]
    assert names(labels="team=red") == ["alpha"]
    assert sorted(names(labels=["team"])) == ["alpha", "beta-alpha"]
    assert names(labels={"team": "red", "size": "2"}) == ["alpha"]
    assert names(labels=["team=red", "size=3"]) == []
    assert sorted(names(start_time_from=before)) == ["alpha", "beta-alpha", "gamma"]
    assert names(start_time_to=before) == []
    assert names(last_update_time_from=before, name="gamma") == ["gamma"]
    newest_first = names(start_time_from=before, sort=True)
    assert newest_first == ["gamma", "beta-alpha", "alpha"]


def test_list_runs_partitions(project, run, db) -> None:
    name = project.metadata.name
    uids = [run(name="again").uid() for _ in range(3)]
    single = run(name="single").uid()

    def uids_of(**filters) -> list[str]:
        return sorted(item["metadata"]["uid"] for item in db.list_runs(project=name, **filters))

    assert uids_of() == sorted([uids[-1], single]), "without a filter: the newest run of each name"
    two = {"partition_by": "name", "partition_sort_by": "created", "rows_per_partition": 2}
    assert uids_of(**two) == sorted([*uids[1:], single])
    assert uids_of(**two, max_partitions=1) == [single]
    assert uids_of(**two, partition_order="asc") == sorted([*uids[:2], single])


def test_list_runs_pages(project, run, db) -> None:
    name = project.metadata.name
    uids = [run(name="page", params={"lr": i}).uid() for i in range(5)]
    collected, token, sizes = [], None, []
    while True:
        rows, token = db.paginated_list_runs(name="page", project=name, page_size=2, page_token=token)
        collected += [item["metadata"]["uid"] for item in rows]
        sizes.append(len(rows))
        if not token:
            break
    assert collected == uids[::-1]
    assert sizes == [2, 2, 1]
    rows, _ = db.paginated_list_runs(name="page", project=name, page=2, page_size=3)
    assert [item["metadata"]["uid"] for item in rows] == uids[1::-1]
    rows, token = db.paginated_list_runs(name="page", project=name, page=9, page_size=3)
    assert (list(rows), token) == ([], None)


def test_list_artifacts_filters(project, run, db) -> None:
    name = project.metadata.name
    result = run()
    run("prepare")
    project.log_artifact("report", body=b"<html/>", local_path="report.html", labels={"for": "humans"})

    def keys(**filters) -> list[str]:
        return sorted({item["spec"]["db_key"] for item in db.list_artifacts(project=name, **filters)})

    assert keys() == ["prepare_table", "report", "train_model", "train_note"]
    assert keys(name="report") == ["report"]
    assert keys(name="~TRAIN") == ["train_model", "train_note"]
    assert keys(kind="model") == ["train_model"]
    assert keys(category="dataset") == ["prepare_table"]
    assert keys(category="other") == ["report", "train_note"]
    assert keys(labels="for=humans") == ["report"]
    assert keys(tree=result.uid()) == ["train_model", "train_note"]
    assert keys(producer_uri=result.uid()) == ["train_model", "train_note"]
    assert keys(tag="latest", kind="dataset") == ["prepare_table"]
    assert keys(tag="nope") == []
    future = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    assert keys(since=future) == []
    assert len(keys(until=future)) == 4


def test_list_artifacts_pages_and_partitions(project, run, db) -> None:
    name = project.metadata.name
    uids = [run(params={"lr": i}).uid() for i in range(3)]
    trees, token = [], None
    while True:
        rows, token = db.paginated_list_artifacts("train_note", project=name, page_size=2, page_token=token)
        trees += [item["metadata"]["tree"] for item in rows]
        if not token:
            break
    assert trees == uids[::-1]
    newest = db.list_artifacts(project=name, partition_by="name", partition_sort_by="updated")
    assert {item["metadata"]["tree"] for item in newest} == {uids[-1]}
    frame = db.list_artifacts(project=name, kind="model").to_df()
    assert list(frame["tree"]) == uids[::-1]
    minimal = db.list_artifacts(project=name, kind="model", format_="minimal")
    assert minimal[0]["spec"]["target_path"]


def test_runs_compared_as_table_and_page(project, run, grid, tmp_path: Path) -> None:
    grid()
    run(params={"lr": 0.3})
    runs = project.list_runs(iter=False, labels="kind")
    frame = runs.to_df(flat=True)
    assert {"param.lr", "output.loss"} <= set(frame.columns)
    html = runs.compare(show=False, filename=str(tmp_path / "compare.html"))
    assert (tmp_path / "compare.html").exists() or "plotly" in str(html)
    rows = runs.to_df(extend_iterations=True, cache=False)
    assert len(rows) == 4, "three iterations and a single run"
