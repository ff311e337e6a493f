"""What the prediction log costs, how often `aletheia monitor` is wrong, and how soon it notices.

Cost: processor time of answers with and without a log, in turn. False alarms: drawn streams in which nothing changes,
for run lengths that can be simulated; the guarantee does not depend on the length. Delay: compared answers from a
change to the alarm, at the run length of a month, after 500 quiet ones. Labels: the same for labelled answers against
the share of wrong ones that an evaluation found.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from aletheia.core.arrays import Array
from aletheia.lifecycle.monitoring.drift import GROUPS, MONTH, SPACING
from aletheia.lifecycle.monitoring.labelled import RUN_LENGTH
from aletheia.stats.change_detection import detect_changes
from aletheia.stats.excess_detection import detect_excess
from benchmarks.inference import find_pictures, make_bundle

#: Largest processor time with a log, as a multiple of that without.
COST = 1.03
_EXPECTED_WRONG = 0.1  # of labelled answers, by the evaluation
_COLUMNS = [name for group in GROUPS.values() for name in group]
_WEIGHTS = {name: 1 / len(group) for group in GROUPS.values() for name in group}
_CHANGES = {
    "one statistic of the crops, by 0.5 of its spread": (("sharpness",), 0.5),
    "one statistic of the crops, by 1": (("sharpness",), 1.0),
    "one statistic of the crops, by 2": (("sharpness",), 2.0),
    "all that the network sees, by 0.5": (GROUPS["what the network sees in the faces"], 0.5),
    "the probabilities, by 0.5": (("probability",), 0.5),
    "the probabilities, by 1": (("probability",), 1.0),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=60, help="quiet streams, of five run lengths each")
    parser.add_argument("--trials", type=int, default=20, help="streams for each change")
    parser.add_argument("--answers", type=int, default=60, help="of each of 9 turns with and without the log")
    options = parser.parse_args()
    rates = {length: quiet(length, options.streams) for length in (100, 300, 1000)}
    print("| mean rows between false alarms, at least | alarms expected, at most | seen |\n|---|---|---|")
    for length, (seen, bound) in rates.items():
        print(f"| {length:,} | {bound:,.0f} | {seen:,} |", flush=True)
    print("\n| change | compared answers until it is noticed: median (largest) | not within 2,000 |\n|---|---|---|")
    for name, (columns, shift) in _CHANGES.items():
        delays = noticed(columns, shift, options.trials)
        late = sum(delay is None for delay in delays)
        known = [delay for delay in delays if delay is not None]
        shown = f"{statistics.median(known):.0f} ({max(known)})" if known else "–"
        print(f"| {name} | {shown} | {late} of {len(delays)} |", flush=True)
    wrong, bound = quiet_labels(options.streams)
    print(f"\nQuiet labels: {wrong} alarms, at most {bound:.0f} expected.")
    print("\n| accuracy falls by | labels until it is noticed: median (95 of 100) |\n|---|---|")
    for drop in (0.05, 0.1, 0.2, 0.4):
        found = noticed_labels(drop, 10 * options.trials)
        print(f"| {100 * drop:.0f} points | {np.median(found):.0f} ({np.quantile(found, 0.95):.0f}) |", flush=True)
    ratio = cost(options.answers)
    print(f"\nProcessor time of answers with a prediction log: {ratio:.3f} times that without (limit {COST}).")
    return int(ratio > COST or wrong > bound or any(seen > bound for seen, bound in rates.values()))


def quiet(run_length: int, streams: int) -> tuple[int, float]:
    """Count alarms on streams in which nothing changes, and return how many there may be on average."""
    rows = 5 * run_length
    alarms = sum(
        len(detect_changes(_draw(rows, seed), _WEIGHTS, run_length, reference=50, seed=seed)) for seed in range(streams)
    )
    return alarms, streams * rows / run_length


def noticed(columns: tuple[str, ...], shift: float, trials: int) -> list[int | None]:
    """Return the rows from a change to the alarm; None where there was none within 2,000."""
    delays: list[int | None] = []
    for seed in range(trials):
        stream = _draw(2500, seed)
        for name in columns:
            stream[name][500:] += shift
        changes = [c for c in detect_changes(stream, _WEIGHTS, MONTH / SPACING, seed=seed) if c.at >= 500]
        delays.append(changes[0].at - 500 + 1 if changes else None)
    return delays


def quiet_labels(streams: int) -> tuple[int, float]:
    """Count alarms on labels that are wrong as often as expected, and return how many there may be on average."""
    labels, rng = 2 * int(RUN_LENGTH), np.random.default_rng(0)
    chances = np.full(labels, _EXPECTED_WRONG)
    alarms = sum(len(detect_excess(rng.random(labels) < _EXPECTED_WRONG, chances, RUN_LENGTH)) for _ in range(streams))
    return alarms, streams * labels / RUN_LENGTH


def noticed_labels(drop: float, trials: int) -> list[int]:
    """Return the labels from a fall of the accuracy, after 100 quiet ones, to the alarm; 5,000 where there was none."""
    delays, rng = [], np.random.default_rng(1)
    for _ in range(trials):
        wrong = rng.random(5100) < np.r_[np.full(100, _EXPECTED_WRONG), np.full(5000, _EXPECTED_WRONG + drop)]
        alarms = detect_excess(wrong, np.full(5100, _EXPECTED_WRONG), RUN_LENGTH)
        delays.append(next((alarm.at - 99 for alarm in alarms if alarm.at >= 100), 5000))
    return delays


def cost(answers: int) -> float:
    """Return the median ratio of processor time with and without a log, of nine pairs in turn."""
    from aletheia.serving.config import ServeConfig
    from aletheia.serving.model_loading import load_model
    from aletheia.serving.service import InferenceService

    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as open_:
        folder = Path(name)
        pictures = find_pictures(6, folder)
        bundle = make_bundle(folder / "model", pictures)
        contents = [Path(path).read_bytes() for path in pictures]
        services = []
        for log in ("", str(folder / "log.sqlite")):
            config = ServeConfig(models=(str(bundle),), workers=1, prediction_log=log)
            services.append(open_.enter_context(contextlib.closing(InferenceService(load_model(config), config))))

        def measure(service: InferenceService) -> float:
            began = time.process_time()
            for number in range(answers):
                service.answer_image(contents[number % len(contents)])
            return time.process_time() - began

        for service in services:
            measure(service)  # warm-up
        ratios = []
        for turn in range(9):
            times = [measure(service) for service in (services if turn % 2 else services[::-1])]
            without, with_log = times if turn % 2 else times[::-1]
            ratios.append(with_log / without)
        return statistics.median(ratios)


def _draw(rows: int, seed: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=rows)  # columns that depend on each other
    stream: dict[str, Array] = {name: 0.5 * common + rng.normal(size=rows) for name in _COLUMNS}
    stream = {name: values / np.sqrt(1.25) for name, values in stream.items()}
    stream["abstains"] = (stream["abstains"] > 1).astype(float)
    return stream


if __name__ == "__main__":
    sys.exit(main())
