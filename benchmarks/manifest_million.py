"""Bias analysis, split, balancing and bias analysis again, on a generated manifest of a million rows.

Prints seconds and the peak of resident memory; exits with 1 above the limits (5 s and 1 GB on two cores).
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

LIMIT_SECONDS = 5.0
LIMIT_MB = 1000.0
SOURCES = ("studio", "phone", "web", "video", "archive")
GENERATORS = ("blend", "swap", "gan", "diffusion")


def generate(folder: Path, rows: int, pool: int, seed: int = 0) -> None:
    """Write ``main.parquet`` (18 : 82, ten rows a person, some near duplicates) and ``pool.parquet`` (real)."""
    from aletheia.datasets.manifest import write_manifest

    rng = np.random.default_rng(seed)
    for name, n, fakes in (("main", rows, 0.82), ("pool", pool, 0.0)):
        fake = rng.random(n) < fakes
        person = rng.integers(0, max(n // 10, 1), n)
        phash = rng.integers(1, 2**64 - 1, n, dtype=np.uint64)
        copies = rng.integers(0, n, n // 100)
        phash[copies] = phash[rng.integers(0, n, n // 100)] ^ np.uint64(1 << 17)
        number = np.char.mod("%07d", np.arange(n)).astype(object)

        def of(values: tuple[str, ...], codes: np.ndarray) -> np.ndarray:
            return np.array(values, dtype=object)[codes]

        skewed = (rng.random(n) ** (1 + fake)) * 6
        df = pd.DataFrame(
            {
                "path": f"{folder}/{name}/" + number + ".jpg",
                "label": of(("real", "fake"), fake.astype(int)),
                "source": of(SOURCES, rng.integers(0, 5, n)) if name == "main" else "camera",
                "generator": np.where(fake, of(GENERATORS, rng.integers(0, 4, n)), ""),
                "identity": np.char.add(f"{name}-", person.astype(str)).astype(object),
                "video": np.where(
                    rng.random(n) < 0.3, np.char.add(f"{name}-v", (person * 3).astype(str)).astype(object), ""
                ),
                "width": rng.choice([256, 512, 640, 1024], n),
                "height": rng.choice([256, 512, 640, 1024], n),
                "format": "jpeg",
                "jpeg_quality": rng.integers(60, 100, n).astype(float),
                "chroma": of(("4:2:0", "4:4:4"), rng.integers(0, 2, n)),
                "file_bytes": rng.integers(20_000, 200_000, n),
                "gender": of(("female", "male", ""), rng.integers(0, 3, n)),
                "age": of(("0-18", "19-39", "40-64", "65+"), rng.integers(0, 4, n)),
                "skin_tone": of(tuple("123456"), skewed.astype(int)),
                "phash": phash,
            }
        )
        write_manifest(df, folder / f"{name}.parquet")


def peak_mb() -> float:
    """Peak of this process's resident memory since it started, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024.0 if sys.platform != "darwin" else 1024.0**2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pool", type=int, default=200_000)
    options = parser.parse_args()
    from aletheia.datasets.balance import balance_training
    from aletheia.datasets.bias import analyse_bias
    from aletheia.datasets.manifest import read_manifest
    from aletheia.datasets.split import split_manifest

    total = 0.0

    def timed(name: str, call: Callable[[], object], counts: bool = True) -> object:
        nonlocal total
        start, cpu = time.perf_counter(), time.process_time()
        result = call()
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        total += seconds if counts else 0.0
        print(f"{name:<24} {seconds:6.2f} s ({cpu:5.2f} s of CPU)   peak {peak_mb():6.0f} MB", flush=True)
        return result

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own, so that its memory is not counted.
        child = multiprocessing.get_context("spawn").Process(target=generate, args=(folder, options.rows, options.pool))
        child.start()
        child.join()
        if child.exitcode:
            return 1
        df = timed("read main (not counted)", lambda: read_manifest(folder / "main.parquet"), False)
        pool = timed("read pool (not counted)", lambda: read_manifest(folder / "pool.parquet"), False)
    timed("bias before", lambda: analyse_bias(df))
    df = timed("split", lambda: split_manifest(df, seed=0))
    train = timed(
        "balance (matched)", lambda: balance_training(df[df["split"] == "train"], pool, "matched", exclude_rows=df)
    )
    timed("bias after", lambda: analyse_bias(train.train))
    print(
        f"{options.rows:,} rows: {total:.2f} s, peak {peak_mb():.0f} MB (limits {LIMIT_SECONDS} s, {LIMIT_MB:.0f} MB)"
    )
    print(
        "drawn from the pool:",
        train.report.drawn,
        "| shares:",
        df["split"].value_counts(normalize=True).round(3).to_dict(),
    )
    return int(total > LIMIT_SECONDS or peak_mb() > LIMIT_MB)


if __name__ == "__main__":
    sys.exit(main())
