"""Manifests between the steps of a workflow: as they are on one machine, portable in a bucket."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from aletheia.core.buckets.addresses import Address, parse_url
from aletheia.core.buckets.mirror import open_mirror
from aletheia.core.errors import InputError
from aletheia.core.paths import data_folder
from aletheia.core.settings import get_settings
from aletheia.core.shards import ShardWriter
from aletheia.datasets.step_tables import crops_folder, fetch_named, log_faces, read_faces, send_named
from aletheia.imaging.decoding import load_bytes

from ..bucket_server import bucket_server, forget, use

FOLDER = Address("runs", "one/2/prepare-data/0")


class Context(SimpleNamespace):
    """What `log_faces` uses of MLRun's context; it notes what is logged, and where MLRun would put it."""

    name, iteration = "prepare-data", 0

    def log_dataset(self, key, df, format, **options):
        self.logged = df
        return SimpleNamespace(target_path=f"{self.artifact_path}/{self.name}/0/{key}{self.suffix}.{format}")


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    monkeypatch.setenv("ALETHEIA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path / "data"))
    get_settings.cache_clear()
    yield open_mirror()
    get_settings.cache_clear()


def table(**columns) -> pd.DataFrame:
    return pd.DataFrame({"label": ["real", "fake"], **columns})


def test_on_one_machine_tables_stay_as_they_are(tmp_path):
    faces = table(path=["/a/1.png", "/a/2.png"], original=["/b/1.jpg", "../c"])
    faces.to_parquet(tmp_path / "faces.parquet")
    item = SimpleNamespace(url=str(tmp_path / "faces.parquet"), as_df=lambda: faces)
    pd.testing.assert_frame_equal(read_faces(item), faces)
    context = Context(artifact_path=str(tmp_path), suffix="")
    log_faces(context, "train", faces)
    pd.testing.assert_frame_equal(context.logged, faces)


def test_mirrored_files_are_named_by_their_object(mirror):
    crop, original = (Address("runs", "one/1/extract-faces/0/files/1.png"), Address("faces", "real/ü.jpg"))
    paths = [str(mirror.local(each)) for each in (crop, original)]
    faces = table(path=[paths[0]] * 2, original=[paths[1], ""], video=[paths[1], "a name"])
    context = Context(artifact_path="s3://runs/one/2", suffix="")
    log_faces(context, "train", faces)
    assert context.logged["path"].tolist() == ["../../../1/extract-faces/0/files/1.png"] * 2
    assert context.logged["original"].tolist() == ["s3://faces/real/ü.jpg", ""]
    assert context.logged["video"].tolist() == ["s3://faces/real/ü.jpg", "a name"]
    assert faces["path"].tolist() == [paths[0]] * 2  # the caller's table is left alone
    with pytest.raises(RuntimeError, match="its paths count from"):
        log_faces(Context(artifact_path="s3://runs/one/2", suffix="x"), "train", faces)


@pytest.mark.slow
def test_shards_travel_whole(tmp_path, monkeypatch):
    """Each once; the table of the other machine names the same members of its own copy."""
    (tmp_path / "served" / "runs").mkdir(parents=True)
    with bucket_server(tmp_path / "served") as port:
        use(monkeypatch, port, tmp_path / "cache")
        with ShardWriter(tmp_path / "data", "faces") as writer:
            paths = [writer.write(name, name.encode()) for name in ("a.png", "b.png")]
        sent = send_named(table(path=paths, original=["", ""]), FOLDER)
        assert [path.rpartition("faces-00000.tar")[2] for path in sent["path"]] == ["/0/a.png", "/1024/b.png"]
        assert sent["path"].str.startswith("files/").all()
        (shard,) = (tmp_path / "served" / "runs").rglob("*.*")
        assert shard.name == "faces-00000.tar"
        use(monkeypatch, port, tmp_path / "another-cache")
        fetched = fetch_named(sent, FOLDER)
        assert [load_bytes(path)[1] for path in fetched["path"]] == [b"a.png", b"b.png"]
        assert fetched["path"].str.startswith(str(tmp_path / "another-cache")).all()
        pd.testing.assert_frame_equal(send_named(fetched, FOLDER), sent)  # handed on from there
    forget()


def test_what_is_not_to_be_sent_is_only_named(mirror, tmp_path):
    file = tmp_path / "bad.jpg"
    file.write_bytes(b"x")
    skipped = pd.DataFrame({"path": [str(file), str(mirror.local(Address("faces", "a.jpg")))], "reason": "unreadable"})
    named = send_named(skipped, FOLDER, send=False)
    assert named["path"].tolist() == [str(file), "s3://faces/a.jpg"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../../../x", "file:///etc/passwd", "~/x"])
@pytest.mark.parametrize("column", ["path", "original"])
def test_a_table_in_a_bucket_names_no_file_of_this_machine(path, column, mirror):
    faces = table(path=["1.png", "2.png"], original=["s3://faces/1.jpg", "s3://faces/2.jpg"])
    faces.loc[1, column] = path
    with pytest.raises(InputError, match="which is in no bucket"):
        fetch_named(faces, FOLDER)
    assert not list(mirror.files.rglob("*"))


@pytest.mark.slow
def test_round_trip_between_two_machines(tmp_path, monkeypatch):
    """The second has another cache and other data; the files of both columns come along, as far as they are used."""
    served, own = tmp_path / "served", tmp_path / "own"
    (served / "runs").mkdir(parents=True)
    monkeypatch.setenv("ALETHEIA_DATA", str(own))
    names = {name: own / folder / f"{name}.png" for folder, name in (("faces", "a"), ("faces", "b"), ("raw", "c"))}
    outside = tmp_path / "pictures" / "d ü.jpg"
    for file in (*names.values(), outside):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(file.name.encode() * 100)
    faces = table(
        path=[str(names["a"]), str(names["b"])],
        original=[str(names["c"]), str(outside)],
        video=pd.Categorical([str(outside), ""]),
    )
    with bucket_server(served) as port:
        use(monkeypatch, port, tmp_path / "first")
        sent = send_named(faces, FOLDER)
        assert sent["path"].tolist() == ["files/faces/a.png", "files/faces/b.png"]
        assert sent["original"].tolist() == ["files/raw/c.png", f"files/local{outside}"]
        use(monkeypatch, port, tmp_path / "second")
        monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path / "other"))
        assert data_folder() == tmp_path / "other"
        read = fetch_named(sent, FOLDER, originals=False)
        assert [Path(path).read_bytes() for path in read["path"]] == [b"a.png" * 100, b"b.png" * 100]
        assert read["original"].tolist() == [f"{FOLDER}/{path}" for path in sent["original"]]
        assert not list((tmp_path / "second").rglob("c.png"))
        places = fetch_named(sent, FOLDER, fetch=False)
        assert not list((tmp_path / "second").rglob("c.png"))
        read = fetch_named(sent, FOLDER)
        pd.testing.assert_frame_equal(places, read)
        assert [Path(path).read_bytes() for path in read["original"]] == [b"c.png" * 100, outside.read_bytes()]
        again = send_named(read, Address("runs", "one/3/evaluate/0"))
        assert again["path"].tolist() == [f"../../../2/prepare-data/0/{path}" for path in sent["path"]]
        assert not (served / "runs" / "one" / "3").exists()  # they are there already
        assert parse_url(str(FOLDER)) == FOLDER
    forget()


@pytest.mark.parametrize(
    ("artifact_path", "folder"),
    [
        ("s3://runs/one/4f0e", Address("runs", "one/extracted-faces")),  # of this run and the next
        ("s3://runs/4f0e/", Address("runs", "extracted-faces")),
        ("s3://runs/one", Address("runs", "one/extracted-faces")),
        ("/runs/4f0e", None),
    ],
)
def test_crops_of_a_cluster_are_shared_by_runs(artifact_path, folder):
    assert crops_folder(Context(artifact_path=artifact_path, uid="4f0e")) == folder
