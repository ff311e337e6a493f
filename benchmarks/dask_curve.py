"""Extraction on a Dask cluster with files in a bucket: processor time per file, and what many machines would bring.

Scheduler and workers are processes of their own, started by Dask's command line; the bucket is rclone over a folder.
Times are the processor's, of each process, so that they hold on a machine that is busy with other things. Scheduler and
workers also need some while they wait, which is measured before each run: the longer a busy machine takes, the more of
it is in the times.

So many workers as nobody has at home are simulated: a real scheduler, real workers and real tasks, whose work is to
sleep for as long as a file took the processor of a worker.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from benchmarks.bucket_server import KEY, SECRET, bucket_server
from benchmarks.dask_cluster import dask_cluster, processor_seconds
from benchmarks.dask_workers import Sleep

LIMIT = 1.10
#: As docs/scaling.md recommends them: by default Dask looks after itself fifty to a hundred times a second.
DASK = {
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "5s",
    "DASK_DISTRIBUTED__WORKER__MEMORY__MONITOR_INTERVAL": "1s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}
_PICTURES = (".jpg", ".jpeg", ".png")
_IDLE_SECONDS = 10


class Costs(NamedTuple):
    """Processor time of workers together, scheduler and this process.

    Attributes
    ----------
    files : tuple of float
        Seconds a file.
    idle : tuple of float
        Seconds a second, while there is nothing to do.
    wall : float
        Seconds of the run.
    """

    files: tuple[float, ...]
    idle: tuple[float, ...]
    wall: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="pictures of faces")
    parser.add_argument("--files", type=int, default=96)
    parser.add_argument("--workers", default="1,2,3")
    parser.add_argument("--repeat", type=int, default=3, help="measurements of one worker beside none")
    parser.add_argument("--simulate", default="10,50", help="workers to simulate; empty: none")
    parser.add_argument("--dask-defaults", action="store_true", help="leave Dask's settings as they are")
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1"} | ({} if options.dask_defaults else DASK)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        size = _copy_pictures(options.folder, work / "served" / "faces", options.files)
        (work / "served" / "runs").mkdir()
        with bucket_server(work / "served") as port:
            os.environ |= {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}", "ALETHEIA_CACHE": str(work / "cache")}
            os.environ |= {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
            counts = [int(n) for n in options.workers.split(",")]
            ratios = []
            for k in range(options.repeat):
                alone = _alone(work / f"alone-{k}")
                costs = _on_cluster(counts[0], work, f"again/{k}")
                ratios.append(sum(costs.files) / alone)
                print(f"without Dask {1e3 * alone:.1f} ms a file, with it {_ms(costs.files)} in {costs.wall:.0f} s")
            print(f"overhead at {counts[0]} workers {statistics.median(ratios):.3f} (limit {LIMIT}): {sorted(ratios)}")
            print(f"idle, ms a second: {_ms(costs.idle)}")
            for n in counts:
                costs = _on_cluster(n, work, str(n))
                rate = n * (1 - costs.idle[0] / n) / costs.files[0]
                print(f"{n} workers: {_ms(costs.files)}; with a core for each {rate:.0f} files a second")
        crops = [file.stat().st_size for file in (work / "served" / "runs" / str(counts[0])).rglob("*.png")]
        print(f"moved between bucket and workers {(size + sum(crops)) / options.files / 1e3:.1f} kB a file")
        for n in options.simulate.split(",") if options.simulate else []:
            _simulate(int(n), costs.files[0], work)
    return int(statistics.median(ratios) > LIMIT)


def _ms(seconds: tuple[float, ...]) -> str:
    return f"{1e3 * sum(seconds):.1f} (workers {{:.1f}}, scheduler {{:.2f}}, this process {{:.2f}})".format(
        *(1e3 * each for each in seconds)
    )


def _copy_pictures(folder: Path, target: Path, count: int) -> int:
    """Copy pictures of a folder, evenly drawn, and return their bytes."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in _PICTURES)
    target.mkdir(parents=True)
    for k in range(count):
        file = files[k * len(files) // count]
        shutil.copy(file, target / f"{k:05d}{file.suffix}")
    return sum(file.stat().st_size for file in target.iterdir())


def _manifest() -> pd.DataFrame:
    from aletheia.core.buckets.mirror import local_copy

    return pd.DataFrame({"path": sorted(map(str, local_copy("s3://faces").iterdir())), "label": "real"})


def _alone(work: Path) -> float:
    """Fetch, extract and send in a process of its own with an empty cache; seconds of processor time a file."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_extract_alone, work).result()


def _extract_alone(work: Path) -> float:
    os.environ["ALETHEIA_CACHE"] = str(work / "cache")
    from aletheia.core.buckets.addresses import Address
    from aletheia.core.buckets.mirror import local_copy
    from aletheia.datasets.step_tables import send_named
    from aletheia.faces.extraction import extract_faces

    warm = local_copy("s3://faces/00000.jpg")  # MLRun's import is not counted, nor the detector's start
    extract_faces(pd.DataFrame({"path": [str(warm)], "label": "real"}), work / "warm", workers=1, progress=False)
    started = time.process_time()
    manifest = _manifest()
    faces = extract_faces(manifest, work / "faces", workers=1, progress=False).manifest
    send_named(faces, Address("runs", work.name))
    return (time.process_time() - started) / len(manifest)


def _on_cluster(n: int, work: Path, target: str) -> Costs:
    """Extract on a cluster into a folder of the bucket."""
    from aletheia.core.buckets.addresses import Address
    from aletheia.faces.extraction import extract_faces

    manifest = _manifest()
    with dask_cluster(n, work / f"cluster-{target.replace('/', '-')}") as (client, scheduler, workers):
        for address in client.nthreads():
            client.submit(_warm, manifest["path"].iloc[0], workers=[address], pure=False).result()
        before = processor_seconds(workers), processor_seconds([scheduler]), time.process_time()
        time.sleep(_IDLE_SECONDS)
        start, started = (
            (processor_seconds(workers), processor_seconds([scheduler]), time.process_time()),
            time.monotonic(),
        )
        extract_faces(manifest, work / "none", client=client, send_to=Address("runs", target), progress=False)
        end, wall = (
            (processor_seconds(workers), processor_seconds([scheduler]), time.process_time()),
            time.monotonic() - started,
        )
    idle = tuple((b - a) / _IDLE_SECONDS for a, b in zip(before, start, strict=True))
    return Costs(tuple((b - a) / len(manifest) for a, b in zip(start, end, strict=True)), idle, wall)


def _simulate(n: int, seconds: float, work: Path) -> None:
    """Have so many workers sleep for some twenty seconds, and print how many files they and the scheduler got done."""
    from aletheia.core.buckets.addresses import Address
    from aletheia.core.parallel import map_dask
    from aletheia.faces.extraction import extract_faces
    from aletheia.faces.journal import FileResult

    files = [Address("faces", f"real/camera/{k:08d}.jpg") for k in range(int(20 * n / seconds))]
    (picture,) = [file for file in (work / "served" / "faces").iterdir() if file.stem == "00000"]
    row = extract_faces(pd.DataFrame({"path": [str(picture)], "label": "real"}), work / "row", progress=False).manifest
    result = FileResult(row.to_dict("records"), "", "full")
    with dask_cluster(n, work / f"simulated-{n}", together=True) as (client, scheduler, _):
        before, started, process = processor_seconds([scheduler]), time.monotonic(), time.process_time()
        done = sum(1 for _ in map_dask(Sleep(seconds, result), files, client, lambda file: result))
        wall = time.monotonic() - started
        load, own = (processor_seconds([scheduler]) - before) / wall, (time.process_time() - process) / wall
    print(
        f"{n} simulated workers: {done / wall:.0f} files a second of {n / seconds:.0f} without waiting, "
        f"scheduler {100 * load:.1f} % and this process {100 * own:.1f} % of a core, {wall:.1f} s"
    )


def _warm(path: str) -> None:
    """Import what a worker needs, and start its detector."""
    from aletheia.core.buckets.addresses import Address
    from aletheia.core.buckets.store import check_bucket
    from aletheia.faces.crop_config import CropConfig
    from aletheia.faces.detectors.registry import find_detector
    from aletheia.faces.worker import FaceExtractor

    check_bucket(Address("faces"))
    config = CropConfig()
    with tempfile.TemporaryDirectory() as folder:
        FaceExtractor(config, find_detector(config.detector), folder)(path)


if __name__ == "__main__":
    sys.exit(main())
