"""The process that benchmarks/inference.py measures: answers once, then whenever a line comes in."""

from __future__ import annotations

import json
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def main() -> None:
    name, bundle, *pictures = sys.argv[1:]
    if name == "reference":
        from benchmarks.reference import Reference

        answer, clients = Reference(bundle), 1
    else:
        from aletheia.inference.predictor import Predictor

        clients = 2 if name == "ours-two" else 1
        precision = "bf16" if name == "ours-bf16" else "f32"
        answer = Predictor(bundle, threads=1 if clients == 2 else 0, precision=precision).predict
    answer(pictures[0])
    print(json.dumps({"first": True}), flush=True)
    with ThreadPoolExecutor(clients) as pool:
        for _ in sys.stdin:
            started = time.perf_counter()
            for _ in pool.map(answer, pictures) if clients > 1 else map(answer, pictures):
                pass
            print(json.dumps({"seconds": time.perf_counter() - started}), flush=True)
    print(json.dumps({"mb": peak_memory()}), flush=True)


def peak_memory() -> float:
    """Read the largest resident memory of this process, MB; getrusage counts the parent's before the start, too."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


if __name__ == "__main__":
    main()
