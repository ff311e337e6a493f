"""Sources in a bucket: read as the same files in a folder are."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aletheia.core.buckets.mirror import open_mirror
from aletheia.core.errors import InputError
from aletheia.datasets.bucket_sources import fetch_rows, fetch_source
from aletheia.datasets.ingest import load_pool, load_source

from ..bucket_server import bucket_server, forget, use


def test_local_sources_are_taken_as_they_are(tmp_path):
    assert fetch_source(tmp_path, "m.csv", None) == (tmp_path, "m.csv", None)
    fetch_rows(tmp_path, ["/nowhere/x.jpg"])  # nothing is fetched


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A folder ``faces`` that is a bucket, and the port."""
    folder = tmp_path_factory.mktemp("served")
    files = [folder / "faces" / label / f"{k}.jpg" for label in ("real", "fake") for k in range(10)]
    rng = np.random.default_rng(0)
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(file)
    rows = [f"{file.parent.name}/{file.name},{file.parent.name}" for file in files]
    (folder / "faces" / "all.csv").write_text("path,label\n" + "\n".join(rows))
    half = [row for k, row in enumerate(rows) if k % 2]
    (folder / "faces" / "half.csv").write_text("path,label\n" + "\n".join(half))
    (folder / "faces" / "out.csv").write_text("path,label\n../faces/x.jpg,real\n../../x.jpg,fake\n")
    with bucket_server(folder) as port:
        yield folder / "faces", port


@pytest.fixture
def bucket(served, tmp_path, monkeypatch):
    use(monkeypatch, served[1], tmp_path / "cache")
    yield served[0]
    monkeypatch.undo()
    forget()


def alike(remote: pd.DataFrame, local: pd.DataFrame, bucket: Path) -> None:
    mirror = open_mirror()
    assert [mirror.address(path).key for path in remote["path"]] == [
        str(Path(path).relative_to(bucket)) for path in local["path"]
    ]
    pd.testing.assert_frame_equal(remote.drop(columns="path"), local.drop(columns="path"))


@pytest.mark.slow
def test_a_folder_in_a_bucket(bucket):
    alike(load_source("s3://faces", progress=False).manifest, load_source(bucket, progress=False).manifest, bucket)
    local = load_pool(bucket / "real", progress=False).manifest
    alike(load_pool("s3://faces/real", progress=False).manifest, local, bucket)


@pytest.mark.slow
def test_a_manifest_in_a_bucket_brings_what_it_names(bucket):
    remote = load_source("s3://faces/half.csv", progress=False).manifest
    alike(remote, load_source(bucket / "half.csv", progress=False).manifest, bucket)
    fetched = [file.name for file in open_mirror().files.rglob("*") if file.is_file()]
    assert len(fetched) == len(remote) + 1
    both = load_source("s3://faces/real", manifest="s3://faces/all.csv", one_class=True, progress=False).manifest
    local = load_source(bucket / "real", manifest=bucket / "all.csv", one_class=True, progress=False).manifest
    alike(both, local, bucket)


@pytest.mark.slow
def test_a_manifest_of_this_machine_for_files_in_a_bucket(bucket, tmp_path):
    shutil.copy(bucket / "all.csv", tmp_path / "labels.csv")
    options = {"manifest": tmp_path / "labels.csv", "progress": False}
    remote = load_source("s3://faces", manifest_root="s3://faces", **options).manifest
    alike(remote, load_source(bucket, manifest_root=bucket, **options).manifest, bucket)


@pytest.mark.slow
def test_a_manifest_that_leads_out_of_its_folder(bucket):
    with pytest.raises(InputError, match="leads out of the manifest's folder"):
        load_source("s3://faces/out.csv", progress=False)
