"""Bias analysis, split, balancing and bias analysis again, on a generated manifest of a million rows.

Prints seconds and the peak of resident memory, those of a tenth of the rows, and how the processor's time grows; exits
with 1 above the limits. Up to a million rows the median of three runs counts. `--rows 10000000 --pandas` measures ten
million rows and a plain pandas script (`manifest_pandas.py`) beside it; each count of rows and each way has a process
of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIMIT_CPU_SECONDS = 5.0  # of a million rows
LIMIT_MB_PER_MILLION = 550.0
LIBRARIES_MB = 300.0
LIMIT_EXPONENT = 1.15  # time grows as rows to the power of it
LIMIT_OF_PANDAS = 0.5  # of the memory of a plain pandas script


def peak_mb() -> float:
    """Peak of this process's resident memory since it started, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024.0 if sys.platform != "darwin" else 1024.0**2)


def measure(folder: Path) -> dict[str, Any]:
    """Go through all steps in this process; print each."""
    from aletheia.datasets.balance import balance_training
    from aletheia.datasets.bias import analyse_bias
    from aletheia.datasets.manifest import read_manifest
    from aletheia.datasets.split import split_manifest

    sums = {"seconds": 0.0, "cpu": 0.0, "reading": 0.0}

    def timed(name: str, call: Callable[[], Any], is_reading: bool = False) -> Any:
        start, cpu = time.perf_counter(), time.process_time()
        result = call()
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        if is_reading:
            sums["reading"] += cpu
        else:
            sums["seconds"] += seconds
            sums["cpu"] += cpu
        print(f"  {name:<20} {seconds:6.2f} s ({cpu:5.2f} s of CPU)   peak {peak_mb():6.0f} MB", flush=True)
        return result

    df = timed("read main", lambda: read_manifest(folder / "main.parquet", compact=True), True)
    pool = timed("read pool", lambda: read_manifest(folder / "pool.parquet", compact=True), True)
    timed("bias before", lambda: analyse_bias(df))
    df = timed("split", lambda: split_manifest(df, seed=0))
    balanced = timed(
        "balance (matched)",
        lambda: balance_training(df[df["split"] == "train"], pool, "matched", exclude_rows=df),
    )
    timed("bias after", lambda: analyse_bias(balanced.train))
    shares = df["split"].value_counts(normalize=True).round(3).to_dict()
    print("  drawn from the pool:", balanced.report.drawn, "| shares:", shares)
    return {**sums, "peak": peak_mb()}


def measure_pandas(folder: Path) -> dict[str, Any]:
    """Do the same in plain pandas in this process."""
    from benchmarks import manifest_pandas

    start, cpu = time.perf_counter(), time.process_time()
    manifest_pandas.run(folder)
    result = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "peak": peak_mb()}
    figures = f"{result['seconds']:6.2f} s ({result['cpu']:5.2f} s of CPU)   peak {result['peak']:6.0f} MB"
    print(f"  {'plain pandas':<20} {figures}")
    return result


def in_process(step: str, folder: Path, rows: int) -> dict[str, Any]:
    """Run a step in a process of its own, so that its memory alone counts."""
    command = [sys.executable, "-m", "benchmarks.manifest_million", "--step", step, "--folder", str(folder)]
    done = subprocess.run([*command, "--rows", str(rows)], check=True, stdout=subprocess.PIPE, text=True)
    *lines, last = done.stdout.splitlines()
    print("\n".join(lines), flush=True)
    result: dict[str, Any] = json.loads(last)
    return result


def compare(rows: int, with_pandas: bool) -> bool:
    """Measure, and compare with the limits."""
    found = {}
    for n in (rows // 10, rows):
        with tempfile.TemporaryDirectory() as name:
            in_process("generate", Path(name), n)
            print(f"{n:,} rows", flush=True)
            runs = [in_process("measure", Path(name), n) for _ in range(3 if n <= 1_000_000 else 1)]
            found[n] = sorted(runs, key=lambda run: float(run["cpu"]))[len(runs) // 2]
            plain = in_process("pandas", Path(name), n) if with_pandas and n == rows else None
    last, limit_mb = found[rows], LIBRARIES_MB + LIMIT_MB_PER_MILLION * rows / 1e6
    exponent = math.log10(last["cpu"] / found[rows // 10]["cpu"])
    limit_seconds = LIMIT_CPU_SECONDS * (rows / 1e6) ** LIMIT_EXPONENT
    print(
        f"{rows:,} rows: {last['seconds']:.2f} s, {last['cpu']:.2f} s of CPU (reading {last['reading']:.2f} s), peak "
        f"{last['peak']:.0f} MB (limits {limit_seconds:.1f} s of CPU, {limit_mb:.0f} MB); CPU time "
        f"from a tenth of the rows grows as rows to the {exponent:.2f} (limit {LIMIT_EXPONENT})"
    )
    if plain:
        time_ratio = (last["cpu"] + last["reading"]) / plain["cpu"]
        print(
            f"Of plain pandas, both with reading: {last['peak'] / plain['peak']:.2f} of the memory (limit "
            f"{LIMIT_OF_PANDAS}), {time_ratio:.2f} of the CPU time"
        )
        is_small = last["peak"] <= LIMIT_OF_PANDAS * plain["peak"]
    else:
        is_small = True
    return is_small and last["cpu"] <= limit_seconds and last["peak"] <= limit_mb and exponent <= LIMIT_EXPONENT


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pandas", action="store_true", help="measure plain pandas, too")
    parser.add_argument("--step", choices=("generate", "measure", "pandas"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.step:
        return int(not compare(options.rows, options.pandas))
    if options.step == "generate":
        from benchmarks.manifest_rows import generate

        generate(options.folder, options.rows, options.rows // 5)
        print("{}")
    else:
        step = measure if options.step == "measure" else measure_pandas
        print(json.dumps(step(options.folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
