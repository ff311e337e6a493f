"""The tracking service: time from nothing to its first answer, and its memory after a thousand requests."""

from __future__ import annotations

import os
import statistics
import sys
import time

import httpx
import psutil

from benchmarks.checkout import fresh_checkout

LIMIT_SECONDS = 3.0
LIMIT_MB = 300.0


def main() -> int:
    from aletheia.tracking import service

    seconds, memory = [], []
    for _ in range(5):
        with fresh_checkout() as (folder, environment):
            started = time.perf_counter()
            running = service.start(folder / "home", int(environment["ALETHEIA_TRACKING_PORT"]))
            seconds.append(time.perf_counter() - started)
            with httpx.Client(base_url=running.url) as client:
                for _ in range(1000):
                    client.get("/api/v1/client-spec").raise_for_status()
            memory.append(psutil.Process(running.pid).memory_info().rss / 1e6)
            os.environ.pop("MLRUN_DBPATH", None)
    print(f"ready after          {statistics.median(seconds):6.2f} s       (median of 5; limit {LIMIT_SECONDS} s)")
    print(f"resident             {statistics.median(memory):6.0f} MB      (limit {LIMIT_MB:.0f} MB)")
    return int(statistics.median(seconds) > LIMIT_SECONDS or statistics.median(memory) > LIMIT_MB)


if __name__ == "__main__":
    sys.exit(main())
