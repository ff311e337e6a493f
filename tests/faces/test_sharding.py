"""Crops in shards: those of an extraction into files, wherever they lie; killed, resumed and repeated."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.core.lifetime import importable_environment
from aletheia.core.settings import get_settings
from aletheia.core.shards import is_there
from aletheia.datasets.manifest import read_manifest, validate_manifest, write_manifest
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.detectors.registry import find_detector
from aletheia.faces.extraction import extract_faces
from aletheia.faces.sharding import CropShards, is_sharded
from aletheia.faces.worker import FaceExtractor
from aletheia.imaging.pixel_cache import decode_images

from ..waiting import wait_for


@pytest.fixture(scope="module")
def manifest(tmp_path_factory, portraits):
    """Portraits, one of them twice, and a wall."""
    root = tmp_path_factory.mktemp("pictures")
    for i, (image, _) in enumerate(portraits):
        cv2.imwrite(str(root / f"{i}.png"), image[..., ::-1])
    (root / "copy.png").write_bytes((root / "2.png").read_bytes())
    cv2.imwrite(str(root / "wall.png"), np.full((200, 200, 3), 90, np.uint8))
    paths = [str(root / f"{i}.png") for i in range(8)] + [str(root / "copy.png"), str(root / "wall.png")]
    return pd.DataFrame({"path": paths, "label": "real"})


@pytest.fixture
def sharded(monkeypatch):
    monkeypatch.setenv("ALETHEIA_SHARD_FROM", "10")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def extract(manifest: pd.DataFrame, folder: Path, **options):
    return extract_faces(manifest, folder, CropConfig(size=64), workers=1, progress=False, **options)


def test_shards_hold_the_crops_of_files(manifest, tmp_path, sharded):
    first = extract(manifest, tmp_path / "shards")
    assert [path.name for path in sorted((tmp_path / "shards").iterdir())] == ["faces-00000.tar", "finished.jsonl"]
    few = extract(manifest.head(9), tmp_path / "files")  # fewer than ten
    assert len(list((tmp_path / "files").glob("*.png"))) == 8
    pd.testing.assert_frame_equal(first.manifest.drop(columns="path"), few.manifest.drop(columns="path"))
    assert [path for path, _ in first.skipped.to_numpy()] == manifest["path"].tolist()[8:]
    assert first.skipped["reason"].tolist() == [f"the same picture as {manifest['path'][2]}", "no face found"]
    for a, b in zip(first.manifest["path"], few.manifest["path"], strict=True):
        assert Path(a).name == Path(b).name
    pixels = [decode_images(each.manifest["path"].tolist(), 64).array for each in (first, few)]
    np.testing.assert_array_equal(*pixels)
    with tarfile.open(tmp_path / "shards" / "faces-00000.tar") as tar:
        names = [Path(path).name for path in first.manifest["path"]]
        assert tar.getnames() == [*names, names[2]]


def test_nothing_waits_that_was_taken_over(manifest, tmp_path):
    """Of the same file twice, as a set and its pool may name it, each has crops of its own; no folder stays."""
    with CropShards(tmp_path) as crops:
        config = CropConfig(size=64)
        work = crops.extractor(FaceExtractor(config, find_detector(config.detector), "", 0.0))
        twice = [work(manifest["path"][0]) for _ in range(2)]
        work(manifest["path"][9])  # the wall
        taken = [crops.take(result).faces[0].crop for result in twice]
        assert len(set(taken)) == 2 and all(map(is_there, taken))
        (incoming,) = tmp_path.glob("aletheia-incoming-*")
        assert list(incoming.iterdir()) == []


def test_repeated_run_reads_the_shards_of_the_first(manifest, tmp_path, sharded):
    first = extract(manifest, tmp_path)
    again = extract(manifest, tmp_path)
    assert again.resumed == len(manifest)
    pd.testing.assert_frame_equal(first.manifest, again.manifest)
    (tmp_path / "faces-00000.tar").unlink()
    assert extract(manifest, tmp_path).resumed == 1  # the wall has no crop


def test_manifest_names_members_from_its_folder(manifest, tmp_path, sharded):
    faces = extract(manifest, tmp_path / "faces").manifest
    file = write_manifest(validate_manifest(faces, check_files=True), tmp_path / "m.csv")
    assert "\nfaces/faces-00000.tar/0/" in file.read_text()
    assert read_manifest(file)["path"].tolist() == faces["path"].tolist()
    lost = faces.assign(path=faces["path"].str.replace("/0/", "/512/", regex=False))
    with pytest.raises(InputError, match="names no file in row 1"):
        validate_manifest(lost, check_files=True)


@pytest.mark.slow
def test_workers_give_the_same_shards(manifest, tmp_path, sharded):
    many = pd.concat([manifest] * 2, ignore_index=True)  # too many for one process alone
    options = {"config": CropConfig(size=64), "progress": False}
    results = [extract_faces(many, tmp_path / str(n), workers=n, **options) for n in (1, 2)]
    shards = [(tmp_path / str(n) / "faces-00000.tar").read_bytes() for n in (1, 2)]
    assert shards[0] == shards[1]
    tables = [result.manifest.drop(columns="path") for result in results]
    pd.testing.assert_frame_equal(*tables)


def test_killed_extraction_goes_on(manifest, tmp_path, sharded):
    """With kill -9 after the third crop; the next run ends with the same faces, and nothing is left of the first."""
    code = """
import sys
import pandas as pd
from aletheia.faces import sharding
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.extraction import extract_faces
take, done = sharding.CropShards.take, []

def stop(self, result):
    done.append(take(self, result))
    if len(done) == 3:
        print("third", flush=True)
        sys.stdin.read()
    return done[-1]

sharding.CropShards.take = stop
extract_faces(pd.read_parquet(sys.argv[1]), sys.argv[2], CropConfig(size=64), workers=1, progress=False)
"""
    manifest.to_parquet(tmp_path / "m.parquet")
    words = [sys.executable, "-c", code, str(tmp_path / "m.parquet"), str(tmp_path / "faces")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, env=importable_environment() | {"ALETHEIA_SHARD_FROM": "10"}, **pipes) as process:
        assert process.stdout.readline() == b"third\n"
        process.send_signal(signal.SIGKILL)
    (left,) = (tmp_path / "faces").glob("aletheia-incoming-*")
    os.utime(left, (0, 0))
    second = extract(manifest, tmp_path / "faces")
    assert second.resumed == 2  # the third had not been noted yet
    wait_for(lambda: not left.exists())
    names = {path.name for path in (tmp_path / "faces").iterdir()}
    assert names == {"faces-00000.tar", "faces-00001.tar", "finished.jsonl"}
    whole = extract(manifest, tmp_path / "whole").manifest
    pd.testing.assert_frame_equal(second.manifest.drop(columns="path"), whole.drop(columns="path"))
    np.testing.assert_array_equal(
        decode_images(second.manifest["path"].tolist(), 64).array, decode_images(whole["path"].tolist(), 64).array
    )


def test_frames_of_videos_count(sharded):
    assert is_sharded(["a.mp4"], 10) and is_sharded(["a.mp4"] * 2 + ["b.png"] * 2, 4)
    assert not is_sharded(["a.mp4"] * 2 + ["b.png"], 4)


def test_crop_shards_deletes_what_waited(tmp_path):
    with CropShards(tmp_path) as crops:
        assert crops
        assert [path.name.startswith("aletheia-incoming-") for path in tmp_path.iterdir()] == [True]
    assert list(tmp_path.iterdir()) == []
