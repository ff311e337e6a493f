"""Measures of crops, taken once for all that needs them, and on a cluster."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.audit.measures import COLUMNS, Measure
from aletheia.audit.measuring import CROPS, ORIGINALS, BucketMeasure, measure_crops, measure_faces
from aletheia.core.buckets.addresses import Address, parse_url
from aletheia.core.shards import ShardWriter
from aletheia.datasets.manifest import validate_manifest
from aletheia.datasets.step_tables import fetch_named
from aletheia.faces.extraction import faces_of

from ..bucket_server import bucket_server, environment, forget, use
from ..dask_cluster import dask_cluster
from ..factories import write_crops

if TYPE_CHECKING:
    import mlrun

ROOT = Path(__file__).parents[2]
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # of a plot


def test_measure_crops_agree_with_those_of_each_part(crops):
    train, test = crops
    known = measure_crops([train, test, test], progress=False)
    assert sorted(known.index) == sorted({*train["path"], *test["path"]}) and tuple(known.columns) == COLUMNS
    for part in (train, test):
        np.testing.assert_array_equal(known.loc[part["path"]], measure_faces(part, CROPS, progress=False))
    assert measure_crops([train, test.drop(columns="face_keypoints")], progress=False) is None


def test_measure_faces_takes_what_is_known(crops):
    test = crops[1].iloc[:6]
    known = measure_crops([test.iloc[:2]], progress=False) + 1
    measures = measure_faces(test, CROPS, known=known, progress=False)
    np.testing.assert_array_equal(measures.iloc[:2], known)
    np.testing.assert_array_equal(measures.iloc[2:], measure_faces(test.iloc[2:], CROPS, progress=False))


def test_measure_faces_in_shards(crops, tmp_path):
    test = crops[1].iloc[:4]
    with ShardWriter(tmp_path, "faces") as writer:
        members = [writer.write(Path(path).name, Path(path).read_bytes()) for path in test["path"]]
    measures = measure_faces(test.assign(path=members), CROPS, progress=False)
    np.testing.assert_array_equal(measures, measure_faces(test, CROPS, progress=False))
    assert measures.notna().any(axis=None)


def test_measure_faces_in_a_bucket_takes_the_values_of_a_crash(crops):
    face = faces_of(crops[1].iloc[:1])[0]
    measure = BucketMeasure(Measure())
    assert np.isnan(measure.on_crash((Address("faces", "bomb.jpg"), face))).all()
    assert np.isnan(measure((Address("nowhere", "film.mp4"), face))).all()  # not even asked for


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A bucket with crops in a shard, originals, brighter if fake, and a manifest; one for artifacts; the port."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "runs").mkdir()
    originals = folder / "faces" / "originals"
    faces = write_crops(originals, 60, 3)
    names = [Path(path).name for path in faces["path"]]
    with ShardWriter(folder / "faces" / "crops", "faces") as writer:
        members = [writer.write(name, (originals / name).read_bytes()) for name in names]
    for name, label in zip(names, faces["label"], strict=True):
        image = cv2.imread(str(originals / name)).astype(int) + 70 * (label == "fake")
        cv2.imwrite(str(originals / name), np.minimum(image, 255))
    (originals / "007.png").write_bytes(b"no picture")
    crops = [member.removeprefix(f"{folder / 'faces'}/") for member in members]
    faces = validate_manifest(faces.assign(path=crops, original=[f"originals/{name}" for name in names]))
    faces.to_parquet(folder / "faces" / "faces.parquet")
    with bucket_server(folder) as port:
        yield folder, port


@pytest.mark.slow
@pytest.mark.parametrize("view", [ORIGINALS, CROPS])
def test_measure_faces_on_a_cluster_as_here(served, tmp_path, monkeypatch, view):
    """Files of a bucket are measured without a copy of them, files of a disk where they are."""
    from distributed import Client, LocalCluster

    use(monkeypatch, served[1], tmp_path / "cache")
    folder, table = parse_url("s3://faces"), pd.read_parquet(served[0] / "faces" / "faces.parquet")
    options = {"processes": False, "dashboard_address": None}
    with LocalCluster(n_workers=1, threads_per_worker=1, **options) as local, Client(local) as client:
        there = measure_faces(fetch_named(table, folder, fetch=False), view, client=client, progress=False)
        assert not kept(tmp_path / "cache")
        faces = fetch_named(table, folder)
        here = measure_faces(faces, view, progress=False)
        pd.testing.assert_frame_equal(there, here, check_exact=True)
        assert here["thumb_0"].isna().sum() == (view == ORIGINALS) and here["thumb_0"].nunique() > 30
        faces["original"] = str(served[0] / "faces") + "/" + table["original"]
        faces["path"] = str(served[0] / "faces") + "/" + table["path"]
        seen = measure_faces(faces, view, client=client, progress=False)
        pd.testing.assert_frame_equal(seen, here, check_exact=True)
    forget()


def kept(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.suffix in (".png", ".tar")]


def audit(**cluster) -> mlrun.RunObject:
    import mlrun

    function = mlrun.new_function("audit", command=str(ROOT / "functions" / "audit" / "function.py"), **cluster)
    if cluster["kind"] == "dask":
        function.spec.remote = False
    run = function.run(
        handler="audit", inputs={"faces": "s3://faces/faces.parquet"}, output_path="s3://runs/{{run.uid}}"
    )
    assert run.state() == "completed", run.error
    return run


@pytest.mark.slow
@pytest.mark.long
def test_audit_survives_a_killed_worker(served, tmp_path, monkeypatch, mlrun_project):
    """In MLRun's dask runtime, with files in a bucket that this process never sees: the numbers are its own."""
    import mlrun

    use(monkeypatch, served[1], tmp_path / "alone")
    alone = audit(kind="local")
    assert len(kept(tmp_path / "alone")) == 60 + 1
    use(monkeypatch, served[1], tmp_path / "here")
    with dask_cluster(tmp_path / "cluster", **environment(served[1])) as cluster, cluster.one_killed():
        together = audit(kind="dask", image="unused")
    assert together.status.results == alone.status.results
    first, second = (mlrun.get_dataitem(run.outputs["measures"]).as_df() for run in (alone, together))
    assert first["thumb_0"].isna().sum() == 1
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    pages = [mlrun.get_dataitem(run.outputs["audit_report"]).get().decode() for run in (alone, together)]
    assert UUID.sub("", pages[0]) == UUID.sub("", pages[1])  # with every number of it
    shown = kept(tmp_path / "here")  # examples of the page
    assert 0 < len(shown) < 60 and {file.parent.name for file in shown} == {"originals"}
    assert not kept(tmp_path / "cluster")
    forget()
