"""Work on many files: order, a file that kills its process, a Dask cluster, MLRun's dask runtime."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.core.parallel import map_dask, map_processes
from aletheia.faces import worker
from aletheia.faces.extraction import extract_faces

from .file_work import died, work

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
    paths[0], paths[8] = f"meet {tmp_path} 0", f"meet {tmp_path} 8"  # a cluster gets eight files at a time
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
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    assert "died" not in done.stdout
    assert "outside of `if __name__ == '__main__':`" in done.stderr


@pytest.mark.slow
def test_map_dask_crash():
    paths = [f"picture {k}" for k in range(12)]
    paths[7] = "bomb"
    import dask

    # By default a task may take three workers along before it is given up.
    dask.config.set({"distributed.scheduler.allowed-failures": 0})
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
