"""Extraction on a cluster of real processes that share nothing with this one but buckets."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from aletheia.core.buckets.addresses import Address
from aletheia.core.buckets.mirror import bring, local_copy
from aletheia.core.errors import InputError
from aletheia.faces.bucket_worker import BucketExtractor
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.detectors.registry import find_detector
from aletheia.faces.extraction import extract_faces
from aletheia.faces.worker import FaceExtractor

from ..bucket_server import SECRET, Line, bucket_server, environment, forget, use
from ..waiting import wait_for
from . import interrupted_extraction

CROPS = Address("runs", "one/files/faces")


def test_an_object_that_killed_its_reader_has_no_face():
    config = CropConfig()
    result = BucketExtractor(FaceExtractor(config, find_detector(config.detector), "unused"), CROPS).on_crash(
        Address("faces", "bomb.jpg")
    )
    assert result.faces == [] and "died" in result.reason


@pytest.fixture(scope="module")
def served(tmp_path_factory, portraits):
    """The buckets ``faces`` and ``runs``, and the port."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "faces").mkdir()
    (folder / "runs").mkdir()
    from PIL import Image

    for k in range(40):
        image = portraits[k % len(portraits)][0]
        Image.fromarray(image).save(folder / "faces" / f"{k:02d}.jpg", quality=90 - k // 2)
    (folder / "faces" / "40.jpg").write_bytes(b"no picture")
    with bucket_server(folder) as port:
        yield folder, port


@pytest.fixture
def cluster(served, tmp_path, monkeypatch):
    """Three workers."""
    with started(3, served[1], tmp_path, monkeypatch) as client:
        yield client


@contextlib.contextmanager
def started(n: int, port: int, folder: Path, monkeypatch):
    """Start workers in processes and folders of their own; their caches stay empty."""
    from distributed import Client, LocalCluster

    for name, value in {**environment(port), "ALETHEIA_CACHE": str(folder / "workers")}.items():
        monkeypatch.setenv(name, value)
    options = {"threads_per_worker": 1, "dashboard_address": None, "local_directory": str(folder / "dask")}
    with LocalCluster(n_workers=n, **options) as cluster, Client(cluster) as client:
        yield client


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.rglob("*.png")}


@pytest.mark.slow
def test_extraction_survives_a_killed_worker(served, cluster, tmp_path, monkeypatch):
    """In the middle of it: the crops, and the manifest, are those of this process alone."""
    use(monkeypatch, served[1], tmp_path / "here")
    source = local_copy("s3://faces")
    manifest = pd.DataFrame({"path": sorted(map(str, source.glob("*.jpg"))), "label": "real"})
    alone = extract_faces(manifest, tmp_path / "alone", workers=1, progress=False)
    victim, *_ = cluster.run(os.getpid).values()

    def kill() -> None:
        wait_for(lambda: len(list((served[0] / "runs").rglob("*.png"))) >= 8)
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    together = extract_faces(manifest, tmp_path / "unused", client=cluster, send_to=CROPS, progress=False)
    killer.join(120)
    assert not killer.is_alive() and victim not in cluster.run(os.getpid).values()
    assert not list((tmp_path / "unused").glob("*.png"))
    names = [Path(path).name for path in together.manifest["path"]]
    assert names == [Path(path).name for path in alone.manifest["path"]] and len(names) > 20
    columns = {"path": names}
    pd.testing.assert_frame_equal(together.manifest.assign(**columns), alone.manifest.assign(**columns))
    assert [reason.split(":")[0] for reason in together.skipped["reason"]] == [
        reason.split(":")[0] for reason in alone.skipped["reason"]
    ]
    assert files(served[0] / "runs") == files(tmp_path / "alone")
    assert not list((tmp_path / "workers").rglob("*.jpg"))  # nothing is kept where it was read
    first = str(together.manifest["path"].iloc[0])
    assert not Path(first).exists()
    bring([first, str(tmp_path / "elsewhere")])
    assert Path(first).read_bytes() == (tmp_path / "alone" / names[0]).read_bytes()
    forget()


@pytest.mark.slow
def test_extraction_that_was_killed_resumes_on_another_machine(served, tmp_path, monkeypatch):
    """The connection of its worker stands still in the middle, so that it is killed neither too early nor too late."""
    folder = tmp_path / "served"
    shutil.copytree(served[0] / "faces", folder / "faces")
    (folder / "runs").mkdir()
    sources = sorted((folder / "faces").iterdir())
    size = sum(file.stat().st_size for file in sources)
    with bucket_server(folder) as port:
        line = Line(port)
        line.stall_after = size * 3 // 2  # the process fetches them once, and then its worker
        command = [sys.executable, "-m", interrupted_extraction.__name__, str(tmp_path / "killed"), str(CROPS)]
        cache = {"ALETHEIA_CACHE": str(tmp_path / "killed" / "cache")}
        variables = {**os.environ, **environment(line.port), **cache}
        process = subprocess.Popen(command, env=variables, start_new_session=True)
        try:
            assert line.stalled.wait(300)
            while wait_for(lambda: finished_files(folder)) != (time.sleep(1) or finished_files(folder)):
                pass  # what was found before is still being noted
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # with its worker
            process.wait()
            line.close()
        n = finished_files(folder)
        assert 0 < n < len(sources) - 5
        use(monkeypatch, port, tmp_path / "here")
        manifest = pd.DataFrame({"path": [str(local_copy("s3://faces") / file.name) for file in sources]})
        manifest["label"] = "real"
        alone = extract_faces(manifest, tmp_path / "alone", workers=1, progress=False)
        for file in sources[:n]:
            file.unlink()  # they are not asked for
        with started(1, port, tmp_path, monkeypatch) as client:
            options = {"client": client, "send_to": CROPS, "progress": False}
            resumed = extract_faces(manifest, tmp_path / "unused", **options)
            assert resumed.resumed == n
            assert files(folder / "runs") == files(tmp_path / "alone")
            columns = {"path": [Path(path).name for path in alone.manifest["path"]]}
            assert [Path(path).name for path in resumed.manifest["path"]] == columns["path"]
            pd.testing.assert_frame_equal(resumed.manifest.assign(**columns), alone.manifest.assign(**columns))
            assert resumed.skipped["path"].tolist() == alone.skipped["path"].tolist()
            others = extract_faces(manifest[n:], tmp_path / "unused", CropConfig(size=64), **options)
            assert others.resumed == 0
    forget()


def finished_files(folder: Path) -> int:
    """How many files the parts of a journal note that are there."""
    return sum(len(part.read_text().splitlines()) for part in (folder / "runs").rglob("*.jsonl"))


@pytest.mark.slow
def test_a_worker_that_cannot_reach_the_bucket_ends_the_run(served, cluster, tmp_path, monkeypatch):
    """It is no fault of the files, which would be left out one by one."""
    use(monkeypatch, served[1], tmp_path / "here")
    manifest = pd.DataFrame({"path": [str(local_copy("s3://faces/01.jpg"))], "label": "real"})
    with pytest.raises(InputError, match="there is no bucket nowhere") as refused:
        extract_faces(
            manifest, tmp_path / "unused", client=cluster, send_to=Address("nowhere", "faces"), progress=False
        )
    assert SECRET not in str(refused.value)
    forget()
