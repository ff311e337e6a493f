"""How long the dashboard takes for a log of a million rows: to read it once, and for a refresh of each period."""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aletheia.lifecycle.dashboard.page import render_page
from aletheia.lifecycle.dashboard.period import PERIODS, find_zone
from aletheia.lifecycle.dashboard.watch import DashboardWatch
from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.prediction_log.table import PredictionTable

_PART = 50_000
#: Seconds that a refresh may take.
LIMIT = 1.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the log, in 29 days")
    options = parser.parse_args()
    now = time.time()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.sqlite"
        write(log, options.rows, now)
        watch = DashboardWatch(log, clock=lambda: now)
        rows = timed(lambda: follow(watch, lambda: watch.follower.is_reading))
        print(f"{options.rows:,} rows of {log.stat().st_size / 1e6:.0f} MB read: {rows:.1f} s of processor time")
        largest = 0.0
        for name in PERIODS:
            spent = timed(lambda name=name: render_page(watch.summary(name), watch.rules, find_zone("UTC"), ""))
            largest = max(largest, spent)
            print(f"a refresh of the {name}: {spent:.2f} s", flush=True)
        changes = timed(lambda: follow(watch, lambda: watch.follower.is_searching))
        print(f"changes looked for in all of them: {changes:.1f} s")
        print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return int(largest > LIMIT)


def write(path: Path, rows: int, now: float) -> None:
    """Write answers at equal distances, of three versions one after the other."""
    rng, table = np.random.default_rng(0), PredictionTable(path, max_bytes=10**12)
    step = 29 * 86_400 / rows
    for first in range(0, rows, _PART):
        numbers = range(first, min(first + _PART, rows))
        probabilities, statistics = rng.random(len(numbers)), rng.normal(100, 10, (len(numbers), 7))
        latencies, vectors = np.exp(rng.normal(4, 0.3, len(numbers))), rng.normal(size=(len(numbers), 8)).astype("<f4")
        table.append(
            [
                LogEntry(
                    now - 29 * 86_400 + step * n, f"{n:032x}", f"v{3 * n // rows}", "uri", "image",
                    "fake" if probabilities[k] > 0.7 else "real", "", "", "", 1, float(probabilities[k]),
                    *map(float, statistics[k]), vectors[k].tobytes(), ms_total=float(latencies[k]),
                )
                for k, n in enumerate(numbers)
            ]
        )  # fmt: skip
    table.close()


def follow(watch: DashboardWatch, goes_on: Callable[[], bool]) -> None:
    """Read while there is something left."""
    watch.look()
    while goes_on():
        watch.look()


def timed(work: Callable[[], object]) -> float:
    """Return the processor time of some work, seconds."""
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
