"""Throughput and latency over HTTP: `aletheia serve` and benchmarks/flask_reference.py under the load of 8 clients.

Both have the same network (EfficientNetAutoAttB4, random weights, 224 pixels, fp32), are sent the same pictures by
Locust, and take turns (ours a second time in bf16, where the processor has it); throughput is the median over the
turns, p99 that of all their answers. `--soak MINUTES` sends good and bad requests to ours for so long, `--kill` ends it
by SIGKILL under load and starts it again.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from aletheia.models.spec import read_spec
from benchmarks.inference import find_pictures, make_bundle
from benchmarks.serving_process import Server, finish_load, start_load, upload, write_requests
from benchmarks.serving_soak import kill, soak

CLIENTS = 8
#: Least throughput and largest p99, as multiples of the reference's.
THROUGHPUT, P99 = 2.5, 0.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of one turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="good and bad requests for so long, to ours")
    parser.add_argument("--kill", action="store_true", help="SIGKILL and restart under load, of ours")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = find_pictures(options.pictures, folder)
        bundle = make_bundle(folder / "model", pictures)
        if options.soak:
            return soak(bundle, pictures, folder, CLIENTS, 60 * options.soak)
        if options.kill:
            return kill(bundle, pictures, folder, CLIENTS)
        return compare(bundle, pictures, folder, options.seconds, options.turns)


def compare(bundle: Path, pictures: list[str], folder: Path, seconds: float, turns: int) -> int:
    """Print throughput and p99 of both, and their ratios; 1 when a limit is missed or a request was lost."""
    load = write_requests(folder / "load", [upload(path, Path(path).read_bytes()) for path in pictures])
    # As fast as this machine can: bf16 where the processor has it, which a user asks for by --precision bf16.
    fastest = "ours-bf16" if "bf16" in read_spec(bundle).onnx.reduced else "ours"
    names = dict.fromkeys(("reference", "ours", fastest))
    servers = {name: Server(name, bundle, folder / f"{name}.log") for name in names}
    try:
        for server in servers.values():
            measure(server, load, 5)  # warm-up
        rows = [{name: measure(server, load, seconds) for name, server in servers.items()} for _ in range(turns)]
    finally:
        for server in servers.values():
            server.stop()
    p99 = {name: _percentile([time for row in rows for time in row[name][1]], 0.99) for name in servers}
    for name in servers:
        speed = statistics.median(row[name][0] for row in rows)
        middle = statistics.median(time for row in rows for time in row[name][1])
        lost = sum(row[name][2] for row in rows)
        print(f"{name}: {speed:.2f} pictures a second, median {middle:.2f} s, p99 {p99[name]:.2f} s, {lost} lost")
    for name in list(servers)[1:]:
        ratios = [row[name][0] / row["reference"][0] for row in rows]
        throughput, share = statistics.median(ratios), p99[name] / p99["reference"]
        print(
            f"{name}: {throughput:.2f} times the throughput ({min(ratios):.2f} to {max(ratios):.2f}), p99 {share:.2f}"
        )
    print(f"compared: {fastest}; limits {THROUGHPUT} and {P99}")
    lost = sum(row[name][2] for row in rows for name in servers)
    return int(throughput < THROUGHPUT or share > P99 or lost > 0)


def measure(server: Server, load: Path, seconds: float) -> tuple[float, list[float], int]:
    """Return answers per second, the duration of each in seconds, and the number of requests without one."""
    answers = finish_load(start_load(server, load, CLIENTS, seconds), load)
    times = [duration for _, _, duration, _, is_expected in answers if is_expected]
    if not times:
        raise RuntimeError(f"{server.name} answered nothing:\n{server.log.read_text()[-2000:]}")
    span = max(row[1] + row[2] for row in answers) - min(row[1] for row in answers)
    return len(times) / span, times, len(answers) - len(times)


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


if __name__ == "__main__":
    sys.exit(main())
