"""Work on many files: order, a file that kills its process, a Dask cluster, MLRun's dask runtime."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.core import parallel
from aletheia.core.parallel import map_dask, map_processes
from aletheia.faces import worker
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.detectors.registry import find_detector
from aletheia.faces.extraction import extract_faces
from aletheia.faces.worker import FaceExtractor

from .file_work import died, loaded, work

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster():
    yield from started()


def started():
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local, Client(local) as client:
        yield client


def ways(name: str, cluster, paths: list[str]):
    return map_processes(work, paths, 2, died) if name == "processes" else map_dask(work, paths, cluster, died)


@pytest.mark.parametrize("name", ["processes", "dask"])
def test_map_processes_order(name, cluster, tmp_path):
    paths = [f"picture {k}" for k in range(60)]
    paths[0], paths[1] = f"meet {tmp_path} 0", f"meet {tmp_path} 1"
    results = list(ways(name, cluster, paths))
    assert [path for path, _ in results] == paths
    assert len({process for _, process in results}) == 2
    assert os.getpid() not in {process for _, process in results}


@pytest.mark.slow
def test_map_processes_crash():
    paths = [f"picture {k}" for k in range(40)]
    paths[7], paths[30] = "bomb a", "bomb b"
    results = list(map_processes(work, paths, 2, died))
    assert [path for path, _ in results] == paths
    assert [path for path, process in results if process == 0] == ["bomb a", "bomb b"]


@pytest.mark.slow
def test_map_processes_crash_while_caller_is_busy():
    """The pool is found broken when the next file is handed in, not when a result is asked for."""
    paths = [f"picture {k}" for k in range(60)]
    paths[12] = "bomb"
    results = []
    for result in map_processes(work, paths, 2, died):
        results.append(result)
        time.sleep(0.02)
    assert [path for path, _ in results] == paths
    assert [path for path, process in results if process == 0] == ["bomb"]


def test_map_processes_unstartable(tmp_path):
    """A script without the main guard: each process starts the whole script again, and fails."""
    (tmp_path / "script.py").write_text(
        "from aletheia.core.parallel import map_processes\n"
        "print(list(map_processes(len, ['a'] * 20, 2, lambda path: 'died')))\n"
    )
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, timeout=240)
    assert done.returncode == 1
    assert "died" not in done.stdout
    assert "outside of `if __name__ == '__main__':`" in done.stderr


def batch_sizes(client, count: int, monkeypatch) -> list[int]:
    """Map over some items and return how many each task had."""
    sizes, submit = [], client.submit
    names = [f"picture {k}, quick" for k in range(count)]

    def spy(function, pickled, **options):
        sizes.append(len(pickle.loads(pickled)[1]))
        return submit(function, pickled, **options)

    with monkeypatch.context() as patch:
        patch.setattr(client, "submit", spy)
        assert [path for path, _ in map_dask(work, names, client, died)] == names
    assert sum(sizes) == count
    return sizes


def test_map_dask_gathers_quick_files(cluster, monkeypatch):
    monkeypatch.setattr(parallel, "_TASK_SECONDS", 3600.0)  # quick beside that, however slow the machine
    sizes = batch_sizes(cluster, 4000, monkeypatch)
    assert sizes[:4] == [1] * 4  # two for each worker: nothing is known yet
    assert len(sizes) < 200 and 100 < max(sizes) <= 1000
    assert sizes[-4:] == [1] * 4  # the workers end together


def test_map_dask_leaves_slow_files_alone(cluster, monkeypatch):
    monkeypatch.setattr(parallel, "_TASK_SECONDS", 1e-9)
    assert batch_sizes(cluster, 20, monkeypatch) == [1] * 20


@pytest.mark.slow
def test_map_dask_needs_nothing_on_the_scheduler():
    """It would import what the work needs, and need its packages: here it is a process of its own."""
    from distributed import Client
    from distributed.deploy.subprocess import SubprocessCluster

    with SubprocessCluster(n_workers=1, scheduler_kwargs={"dashboard": False}) as local, Client(local) as client:
        extractor = FaceExtractor(CropConfig(), find_detector("blazeface"), "nowhere")
        assert [result.stage for result in map_dask(extractor, ["missing"], client, died)] == ["unreadable"]
        assert "aletheia.faces.worker" in client.run(loaded)[client.nthreads().popitem()[0]]
        assert client.run_on_scheduler(loaded) <= {"aletheia", "aletheia.core"} | {
            f"aletheia.core.{name}" for name in ("parallel", "errors", "lifetime")
        }


@pytest.mark.slow
def test_map_dask_crash():
    paths = [f"picture {k}" for k in range(12)]
    paths[7] = "bomb"
    import dask

    # By default a task may take three workers along before it is given up.
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        for client in started():
            results = list(map_dask(work, paths, client, died))
    assert [path for path, _ in results] == paths
    assert [path for path, process in results if process == 0] == ["bomb"]


@pytest.mark.parametrize("name", ["processes", "dask"])
def test_map_processes_exception(name, cluster):
    with pytest.raises(OSError, match="No space left"):
        list(ways(name, cluster, ["picture 1", "bad", *(f"picture {k}" for k in range(500))]))


@pytest.fixture
def pictures(tmp_path, portraits):
    for index, (image, *_) in enumerate(portraits[:6]):
        for label in ("real", "fake"):
            folder = tmp_path / "source" / label
            folder.mkdir(parents=True, exist_ok=True)
            shifted = np.clip(image.astype(int) + 9 * index + 5 * (label == "fake"), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / f"{index}.png"), shifted[..., ::-1])
    (tmp_path / "source" / "real" / "wall.png").write_bytes(cv2.imencode(".png", np.full((99, 99, 3), 90))[1].tobytes())
    return tmp_path / "source"


def test_map_dask_equals_map_processes(pictures, tmp_path, cluster):
    manifest = pd.DataFrame({"path": sorted(map(str, pictures.rglob("*.png"))), "label": "real"})
    alone = extract_faces(manifest, tmp_path / "faces", workers=1, progress=False)
    contents = [Path(path).read_bytes() for path in alone.manifest["path"]]
    for file in (tmp_path / "faces").iterdir():
        file.unlink()
    together = extract_faces(manifest, tmp_path / "faces", client=cluster, progress=False)
    assert together.resumed == 0
    pd.testing.assert_frame_equal(alone.manifest, together.manifest)
    pd.testing.assert_frame_equal(alone.skipped, together.skipped)
    assert [Path(path).read_bytes() for path in together.manifest["path"]] == contents


@pytest.mark.slow
def test_map_dask_in_mlrun_runtime(pictures, cluster, mlrun_project):
    """As the README says it: kind dask, the cluster that is connected."""
    import mlrun

    source = str(ROOT / "functions" / "extract-faces" / "function.py")
    function = mlrun.new_function("extract-faces", kind="dask", command=source, image="unused")
    function.spec.remote = False
    here = worker._detector.cache_info()
    done = function.run(handler="extract_faces", params={"source": str(pictures), "face_size": 64})
    assert done.state() == "completed", done.error
    results = done.status.results
    assert (results["files"], results["faces"], results["skipped_because"]) == (13, 12, {"no face found": 1})
    assert results["files_per_second"] > 0 and sum(results["found_by"].values()) == 13
    faces = mlrun.get_dataitem(done.outputs["faces"]).as_df()
    assert len(faces) == 12 and (faces.crop_size == 64).all()
    assert worker._detector.cache_info() == here  # the cluster did it
    assert any("aletheia.datasets.examination" in names for names in cluster.run(loaded).values())
