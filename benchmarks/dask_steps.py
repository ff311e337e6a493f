"""Audit and search on a Dask cluster, with files in a bucket: processor time against one process without Dask.

Scheduler and workers are processes of their own; the bucket is rclone over a folder, whose time is not counted, nor is
that of the tracking service, in whose place a cluster has a server. What is imported is imported before.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bucket_server import KEY, SECRET, bucket_server
from benchmarks.dask_cluster import Cluster, dask_cluster, processor_seconds

ROOT = Path(__file__).parents[1]
RATES, SIZES = [1e-3, 3e-3, 1e-2], [16, 32]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="pictures, in real/ and fake/")
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=3, help="of each cell")
    parser.add_argument("--workers", default="1,3")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        work = Path(name)
        os.environ |= {"ALETHEIA_HOME": str(work / "home"), "ALETHEIA_DATA": str(work / "data")}
        os.environ |= {"ALETHEIA_CACHE": str(work / "cache"), "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
        os.environ |= {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "MLRUN_LOG_LEVEL": "WARNING"}
        _serve_faces(options.folder, options.files, work)
        port = stack.enter_context(bucket_server(work / "served"))
        os.environ["AWS_ENDPOINT_URL_S3"] = f"http://127.0.0.1:{port}"
        _start_tracking(work, stack)
        steps: dict[str, Callable[[Any], None]] = {"audit": _audit, "search": lambda c: _search(options.epochs, c)}
        for step in steps.values():
            step(None)  # imports
        costs: dict[str, list[tuple[float, ...]]] = {}
        for _ in range(options.repeats):
            for what, step in steps.items():
                costs.setdefault(f"{what} alone", []).append(_alone(step))
        for n in map(int, options.workers.split(",")):
            with dask_cluster(n, work / f"cluster-{n}") as cluster:
                _warm(cluster)
                for _ in range(options.repeats):
                    for what, step in steps.items():
                        costs.setdefault(f"{what} on {n}", []).append(_on_cluster(step, cluster))
    for key, each in costs.items():
        parts = [statistics.median(values) for values in zip(*each, strict=True)]
        total = statistics.median(map(sum, each))
        alone = statistics.median(map(sum, costs[f"{key.split()[0]} alone"]))
        print(f"{key:14} {total:7.2f} s of processor time ({total / alone:.2f} times), parts: ", end="")
        print(", ".join(f"{part:.2f}" for part in parts))
    return 0


def _serve_faces(folder: Path, count: int, work: Path) -> None:
    """Put pictures, evenly drawn, and their crops below the folder that is served, with a manifest of both."""
    from aletheia.datasets import load_source, split_manifest
    from aletheia.faces.crop_config import CropConfig
    from aletheia.faces.extraction import extract_faces

    (work / "served" / "runs").mkdir(parents=True)
    originals, crops = work / "served" / "faces" / "originals", work / "served" / "faces" / "crops"
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg", ".png"))
    for file in (files[k * len(files) // count] for k in range(count)):
        target = originals / file.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    rows = load_source(originals, progress=False).manifest
    faces = extract_faces(rows, crops, CropConfig(size=64), workers=1, progress=False).manifest
    for column in ("path", "original"):
        faces[column] = faces[column].str.removeprefix(f"{work / 'served' / 'faces'}/")
    if "video" in faces:
        faces["video"] = ""
    faces = split_manifest(faces, seed=0)
    faces.to_parquet(work / "served" / "faces" / "faces.parquet")
    for part in ("train", "val"):
        faces[faces["split"] == part].to_parquet(work / "served" / "faces" / f"{part}.parquet")


def _start_tracking(work: Path, stack: contextlib.ExitStack) -> None:
    import mlrun

    from aletheia.tracking import service

    running = service.start(work / "home", port=0)
    stack.callback(service.stop, work / "home")
    os.environ["MLRUN_DBPATH"] = mlrun.mlconf.dbpath = running.url
    mlrun.new_project("benchmark", context=str(work / "project"), user_project=False, save=True)


def _run(name: str, kind: str, handler: str, inputs: list[str], **options: Any) -> Any:
    import mlrun

    command = str(ROOT / "functions" / name / "function.py")
    function = mlrun.new_function(name, kind=kind, command=command, image="unused" if kind == "dask" else "")
    if kind == "dask":
        function.spec.remote = False
    run = function.run(
        handler=handler,
        inputs={key: f"s3://faces/{key}.parquet" for key in inputs},
        output_path="s3://runs/{{run.uid}}",
        **options,
    )
    if run.state() != "completed":
        raise RuntimeError(run.error)
    return run


def _audit(cluster: Cluster | None) -> None:
    _run("audit", "dask" if cluster else "local", "audit", ["faces"])


def _search(epochs: int, cluster: Cluster | None = None) -> None:
    import mlrun

    from aletheia.project import RunConfig

    config = RunConfig.parse({"learning_rates": RATES, "batch_sizes": SIZES, "image_size": 64})
    where = {}
    if cluster:
        scheduler = mlrun.new_function("cluster", kind="dask", image="unused")
        scheduler.status.scheduler_address = cluster.client.scheduler.address
        scheduler.save()
        where = {"parallel_runs": len(cluster.workers), "dask_cluster_uri": "db://benchmark/cluster"}
    params = {**config.params("search", "image_size"), "epochs": epochs}
    arguments = config.search_arguments(**where)
    run = _run(
        "search-hyperparameters", "local", "search_hyperparameters", ["train", "val"], params=params, **arguments
    )
    if len(mlrun.get_dataitem(run.outputs["iteration_results"]).as_df()) != len(RATES) * len(SIZES):
        raise RuntimeError("cells are missing")


def _forget() -> None:
    """Delete what this process has fetched."""
    from aletheia.core.buckets.mirror import open_mirror

    files = open_mirror().files
    shutil.rmtree(files)
    files.mkdir()


def _alone(step: Callable[[Any], None]) -> tuple[float, ...]:
    """Run a step in this process; seconds of processor time."""
    _forget()
    started = time.process_time()
    step(None)
    return (time.process_time() - started,)


def _on_cluster(step: Callable[[Any], None], cluster: Cluster) -> tuple[float, ...]:
    """Run a step on a cluster; processor seconds of the workers together, the scheduler and this process."""
    _forget()
    cluster.client.run(_forget)
    before = processor_seconds(cluster.workers), processor_seconds([cluster.scheduler]), time.process_time()
    step(cluster)
    after = processor_seconds(cluster.workers), processor_seconds([cluster.scheduler]), time.process_time()
    return tuple(b - a for a, b in zip(before, after, strict=True))


def _warm(cluster: Cluster) -> None:
    for address in cluster.client.scheduler_info()["workers"]:
        cluster.client.submit(_imports, workers=[address], pure=False).result()
    cluster.client.run_on_scheduler(_imports)


def _imports() -> None:
    """Import what a step needs, and meet the bucket."""
    import sklearn.ensemble  # noqa: F401

    import aletheia.audit.family_scores
    import aletheia.plotting
    import aletheia.project
    import aletheia.reports
    import aletheia.training.fit  # noqa: F401
    from aletheia.core.buckets.addresses import Address
    from aletheia.core.buckets.store import check_bucket

    check_bucket(Address("faces"))


if __name__ == "__main__":
    sys.exit(main())
