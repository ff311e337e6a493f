"""Writing the synthetic data set and its manifests, whole or not at all, and once only."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import psutil

from aletheia.core.errors import InputError
from aletheia.core.lifetime import end_with_parent
from aletheia.core.progress import tqdm
from aletheia.core.settings import get_settings
from aletheia.datasets.synthetic.forgeries import GENERATORS
from aletheia.datasets.synthetic.plan import Job, plan_dataset, run_job

VERSION = 2  # raise it when the images change: data sets on disk are then made anew
_PARAMETERS = "synthetic.json"


def _start_worker() -> None:
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business


def _run(jobs: list[Job], folder: Path, workers: int, progress: bool) -> Iterator[tuple[Job, list[dict[str, Any]]]]:
    bar = tqdm(total=sum(len(job.images) for job in jobs), desc="Drawing faces", unit="image", disable=not progress)
    with bar:
        if workers == 1 or len(jobs) < 4:
            threads = cv2.getNumThreads()
            try:
                for job in jobs:
                    yield job, run_job(job, str(folder))
                    bar.update(len(job.images))
            finally:
                cv2.setNumThreads(threads)
            return
        # Spawned, not forked: the caller may hold torch, OpenCV or OpenVINO threads, which do not survive a
        # fork.
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker) as executor:
            try:
                for job, rows in zip(jobs, executor.map(run_job, jobs, [str(folder)] * len(jobs)), strict=True):
                    yield job, rows
                    bar.update(len(job.images))
            except BaseException:
                executor.shutdown(wait=False, cancel_futures=True)
                raise


def _complete(folder: Path, parameters: dict[str, Any]) -> bool:
    """Check whether the folder holds the finished data set of these parameters, all files at their full size."""
    from aletheia.datasets.manifest import read_manifest

    try:
        if json.loads((folder / _PARAMETERS).read_text()) != parameters:
            return False
        tables = [read_manifest(folder / name) for name in ("manifest.parquet", "pool.parquet")]
        return all(
            Path(path).stat().st_size == size
            for table in tables
            for path, size in zip(table["path"], table["file_bytes"], strict=True)
        )
    except (OSError, ValueError):
        return False


def _discard_leftovers(folder: Path) -> None:
    """Remove the partial folders of killed generations of the same data set."""
    for partial in folder.parent.glob(f".{folder.name}.partial-*"):
        owner = partial.name.rpartition("-")[2]
        if not owner.isdigit() or int(owner) == os.getpid() or not psutil.pid_exists(int(owner)):
            shutil.rmtree(partial, ignore_errors=True)


def generate_dataset(
    out_dir: str | Path,
    n: int = 1000,
    pool: int = 300,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Make the synthetic data set, unless the folder holds it already.

    The main set (``manifest.parquet``; camera pool ``cam-a``) has 18 % real and 82 % fake images in
    ``real/`` and ``fake/<generator>/``; the second one (``pool.parquet``; ``cam-b``, other people) is all
    real, in ``ffhq/``. Groups are skewed on purpose: dark skin and old age are rare, dark-skinned and young
    people are more often fake.

    A fake carries its target's identity and, for swaps, ``pair`` = ``target|donor``. Donors come from pairs
    of alike identities, so that a split by connected groups has groups to split.

    Parameters
    ----------
    out_dir : path
        Folder of the data set; appears only once it is complete. One that holds the finished data set of the
        same parameters is used as it is; one of other parameters is replaced.
    n, pool : int
        Images in the main set (at least 30) and in the pool (at least 1).
    seed : int
        The same seed gives the same files, byte for byte, with any number of workers.
    workers : int, optional
        Processes; by default the setting ``ALETHEIA_WORKERS``.

    Returns
    -------
    Path
        Of ``manifest.parquet``.

    Raises
    ------
    InputError
        For numbers out of range, an output folder with other things in it, or one that cannot be written.
    """
    if n < 30 or pool < 1 or seed < 0:
        raise InputError(
            f"A synthetic data set needs n >= 30, pool >= 1 and seed >= 0; got n={n}, pool={pool}, seed={seed}."
        )
    folder = Path(out_dir).resolve()
    parameters = {"version": VERSION, "n": n, "pool": pool, "seed": seed}
    if _complete(folder, parameters):
        return folder / "manifest.parquet"
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the synthetic data set.")
    if folder.exists() and any(folder.iterdir()) and not (folder / _PARAMETERS).exists():
        raise InputError(f"{folder} is not empty and holds no synthetic data set. Name another folder, or empty it.")
    import pandas as pd

    from aletheia.datasets.manifest import write_manifest

    partial = folder.parent / f".{folder.name}.partial-{os.getpid()}"
    try:
        _discard_leftovers(folder)
        for name in ("real", "ffhq", *(f"fake/{generator}" for generator in GENERATORS)):
            (partial / name).mkdir(parents=True, exist_ok=True)
        rows: dict[str, list[dict[str, Any]]] = {"cam-a": [], "cam-b": []}
        for job, job_rows in _run(plan_dataset(n, pool, seed), partial, workers or get_settings().workers, progress):
            rows[job.source] += job_rows
        write_manifest(pd.DataFrame(rows["cam-a"]), partial / "manifest.parquet")
        write_manifest(pd.DataFrame(rows["cam-b"]), partial / "pool.parquet")
        (partial / _PARAMETERS).write_text(json.dumps(parameters) + "\n")
        if folder.exists():
            shutil.rmtree(folder)
        partial.replace(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot write the synthetic data set there ({error.strerror or error}).") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder / "manifest.parquet"
