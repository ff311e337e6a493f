"""`aletheia run` on the embedded data set from nothing: time, memory of all its processes, the grid's share, scores."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

import psutil

from benchmarks.checkout import ALETHEIA, fresh_checkout

LIMIT_SECONDS = 600.0
LIMIT_MB = 3000.0


def resident_mb(process: psutil.Process) -> float:
    """Resident memory of a process and all that it started, shared pages counted in each, megabytes."""
    total = 0
    for member in [process, *process.children(recursive=True)]:
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with fresh_checkout() as (folder, environment):
        started, peak = time.perf_counter(), 0.0
        process = subprocess.Popen(
            [ALETHEIA, "run", "--seed", str(options.seed)],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                peak = max(peak, resident_mb(watched))
                process.communicate(timeout=0.3)
            except (subprocess.TimeoutExpired, psutil.NoSuchProcess):
                continue
        seconds = time.perf_counter() - started
        if process.returncode:
            print(f"aletheia run exited with {process.returncode}")
            return 1
        summary = json.loads((folder / "artifacts" / "summary.json").read_text())
    grid = summary["step_seconds"]["search-hyperparameters"]
    low, high = summary["test_auc_interval"]
    print(f"whole run            {seconds:6.0f} s       (limit {LIMIT_SECONDS:.0f} s)")
    print(f"  of it the grid     {grid:6.0f} s       ({grid / seconds:.0%}; limit {LIMIT_SECONDS / 2:.0f} s)")
    print(f"  each step          {summary['step_seconds']}")
    print(f"peak memory          {peak:6.0f} MB      (limit {LIMIT_MB:.0f} MB, all processes)")
    print(f"test AUC             {summary['test_auc']:6.3f}         ({low:.3f} to {high:.3f}; limit 0.90)")
    within, majority = summary["shortcut_auc_train"], summary["majority_share"]
    print(f"shortcut AUC         {summary['shortcut_auc']:6.3f}         (limit 0.60; training {within:.3f})")
    print(f"test accuracy        {summary['test_accuracy']:6.3f}         (majority share {majority:.3f})")
    good = seconds <= LIMIT_SECONDS and peak <= LIMIT_MB and grid <= LIMIT_SECONDS / 2
    return int(not (good and summary["test_auc"] >= 0.90 and summary["shortcut_auc"] <= 0.60))


if __name__ == "__main__":
    sys.exit(main())
